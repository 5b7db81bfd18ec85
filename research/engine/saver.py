"""Saving beside the loop: digests, Orbax, fsync, then the ledger line, in that order."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from research.engine import checkpoint, ledger
from research.engine.checkpoint import Facts, Retention
from research.engine.experiment import Selection
from research.engine.identity import LEDGER_FILE
from research.engine.leaves import STATE, LeafRecord, Leaves, record_leaves, state_digest
from research.engine.observer import Figures
from research.engine.record import spell_figures
from research.errors import Difference


class Directories(NamedTuple):
    """The places in a run's directory."""

    run: Path

    @property
    def checkpoints(self) -> Path:
        """One folder a step."""
        return self.run / "checkpoints"

    @property
    def ledger(self) -> Path:
        """The chain."""
        return self.run / LEDGER_FILE

    @property
    def metrics(self) -> Path:
        """One line a report."""
        return self.run / "metrics.jsonl"

    @property
    def result(self) -> Path:
        """The figures of the run, whole or so far."""
        return self.run / "result.json"


class Saver:
    """Makes checkpoints and their ledger lines durable in a thread of its own, one at a time.

    Attributes:
        chain: the ledger's last digest.
        best: the best step by the experiment's selection so far, with its figure.
    """

    def __init__(
        self,
        places: Directories,
        opened: ledger.Ledger,
        retention: Retention,
        selection: Selection | None,
        saved: Callable[[int], None],
    ) -> None:
        self._places = places
        self._retention = retention
        self._selection = selection
        self._saved = saved
        self._known = {step: ledger.read_leaves(line) for step, line in opened.saves().items()}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver")
        self._pending: Future[str] | None = None
        self.chain = opened.lines[-1].digest if opened.lines else ledger.FIRST
        self.best: tuple[int, float] | None = None
        for step, line in opened.saves().items():
            self._compare(step, line["metrics"])

    def save(self, step: int, leaves: Leaves, facts: Facts, metrics: Figures) -> None:
        """Start saving; waits for the save before, and raises what that one met."""
        self.wait()
        self._pending = self._thread.submit(self._save, step, leaves, facts, dict(metrics))

    def wait(self) -> str:
        """Wait until all is durable; returns the digest of the last state saved, or ""."""
        pending, self._pending = self._pending, None
        return pending.result() if pending else ""

    def close(self) -> None:
        """End the thread, after what it is at."""
        self._thread.shutdown(wait=True)

    def _save(self, step: int, leaves: Leaves, facts: Facts, metrics: dict[str, Any]) -> str:
        records = record_leaves(leaves)
        if step in self._known:
            self._check_against_record(step, records)
        checkpoint.write(self._places.checkpoints, step, leaves, records, facts)
        digest = state_digest(records)
        if step not in self._known:
            content = {
                "step": step,
                "digest": digest,
                "leaves": ledger.spell_leaves(records),
                "metrics": spell_figures(metrics),
            }
            self.append("save", content)
            self._known[step] = records
        self._compare(step, metrics)
        checkpoint.prune(
            self._places.checkpoints,
            self._retention,
            lambda kept: self.best is not None and kept == self.best[0],
        )
        self._saved(step)
        return digest

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Append a line to the ledger."""
        self.chain = ledger.append(self._places.ledger, kind, content, self.chain)

    def _check_against_record(self, step: int, records: dict[str, LeafRecord]) -> None:
        """A step made again after falling back must be what the ledger says it was."""
        known = self._known[step]
        names = [n for n in records if n.startswith(STATE) and known.get(n) != records[n]]
        if names:
            raise Difference(
                f"step {step} was made again and differs from the ledger in {len(names)} leaves, "
                f"first {names[0]}: code, environment or data changed since; "
                "--restart starts anew and keeps this run aside"
            )

    def _compare(self, step: int, metrics: Figures) -> None:
        if self._selection is None:
            return
        figure = metrics.get(self._selection.metric)
        if not isinstance(figure, float) or math.isnan(figure):
            return
        sign = 1 if self._selection.larger_is_better else -1
        if self.best is None or sign * figure > sign * self.best[1]:
            self.best = (step, figure)
