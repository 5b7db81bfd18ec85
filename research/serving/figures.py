"""What a service counts and times, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from research.prediction import ROWS

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = tuple(1 << power for power in range(ROWS.bit_length()))


class Figures:
    """Requests, errors, times, blocks and the queue of one service."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        """Begin to count.

        Args:
            waiting: how many requests wait to be computed.
        """
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "encore_requests", "requests answered", ["status"], registry=self._registry
        )
        self._errors = Counter(
            "encore_errors", "requests refused or failed", ["kind"], registry=self._registry
        )
        self._seconds = Histogram(
            "encore_request_seconds", "from a prediction's headers to its answer",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._rows = Histogram(
            "encore_batch_rows", "rows computed together", buckets=_SIZES, registry=self._registry
        )
        queue = Gauge("encore_queue_length", "requests that wait", registry=self._registry)
        queue.set_function(waiting)

    def count(self, status: int, kind: str = "") -> None:
        """Count one answer, and its error where it is one."""
        self._requests.labels(status).inc()
        if kind:
            self._errors.labels(kind).inc()

    def time(self, seconds: float) -> None:
        """Add the time that one prediction took."""
        self._seconds.observe(seconds)

    def block(self, rows: int) -> None:
        """Add the rows that were computed together."""
        self._rows.observe(rows)

    def total(self) -> dict[str, int]:
        """How many requests were answered, and how many of these refused or failed."""
        found = {name: 0 for name in ("requests", "errors")}
        for family in (self._requests, self._errors):
            for metric in family.collect():
                for sample in metric.samples:
                    if sample.name.endswith("_total"):
                        found[metric.name.removeprefix("encore_")] += int(sample.value)
        return found

    def write(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)
