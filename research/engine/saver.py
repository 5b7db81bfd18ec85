"""Saving beside the loop: digests, Orbax, fsync, then the ledger line, in that order."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from research.engine import checkpoint, ledger
from research.engine.checkpoint import Facts, Retention
from research.engine.digests import (
    LeafRecord,
    Leaves,
    differing_leaves,
    record_leaves,
    state_digest,
)
from research.engine.directory import Directories
from research.engine.durable import sync_file
from research.engine.experiment import Experiment
from research.engine.ledger import (
    figure_names,
    read_leaves,
    spell_reports,
    spell_save,
    table_of,
)
from research.engine.record import Figures, append_metrics, spell_figures
from research.engine.selection import best_by, best_saves, better, kept_saves, steps_of
from research.errors import Difference, EncoreError


class Saver:
    """Makes checkpoints and their ledger lines durable in a thread of its own, one at a time.

    Attributes:
        chain: the ledger's last digest.
        bests: the best saves by the experiment's selection so far.
        recorded: step -> figures of the lines that the ledger had when this process began.
        recorded_until: the last step that the ledger had then; steps up to it are made again
            where a run fell back, and leave no second line.
    """

    def __init__(
        self,
        places: Directories,
        opened: ledger.Ledger,
        retention: Retention,
        experiment: Experiment,
        saved: Callable[[int], None],
        *,
        members: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._places = places
        self._retention = retention
        self._experiment = experiment
        self._saved = saved
        self._members = members
        self._check_place = check
        self._known = opened.saves()
        self._table = opened.last("leaves")
        self._figure_names: list[str] = (opened.last("figures") or {"names": []})["names"]
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saver")
        self._pending: Future[str] | None = None
        self.chain = opened.lines[-1].digest if opened.lines else ledger.FIRST
        self.bests = best_saves(opened, experiment.selection)
        self._kept = kept_saves(opened, experiment)
        self.recorded: Mapping[int, Figures] = opened.reports()
        self.recorded_until = max(self._known, default=-1)
        self._reports: dict[int, dict[str, Any]] = {}

    def report(self, step: int, figures: Figures) -> None:
        """Write a line of `metrics.jsonl`; the next save takes it into the ledger.

        Raises:
            Difference: the step was made again and its figures are not those of the ledger.
            OSError: the line could not be written.
        """
        self._check_place()
        spelled = spell_figures(figures)
        if step > self.recorded_until:
            append_metrics(self._places.metrics, step, figures)
            self._reports[step] = spelled
        elif spelled != self.recorded.get(step, {}):
            self.wait()  # A state that was saved and differs is the better explanation.
            raise Difference(
                f"step {step} was made again and its figures are not those of the ledger: "
                "code, environment or data changed since; --restart starts anew and keeps this "
                "run aside"
            )

    def save(self, step: int, leaves: Leaves, facts: Facts) -> None:
        """Start saving; waits for the save before, and raises what that one met."""
        self.wait()
        reports, self._reports = self._reports, {}
        self._pending = self._thread.submit(self._save, step, leaves, facts, reports)

    def beside(self, work: Callable[[], None]) -> None:
        """Have something done in the thread, before what is saved from now on; it must not fail."""
        self._thread.submit(work)

    def wait(self) -> str:
        """Wait until all is durable; returns the digest of the last state saved, or ""."""
        pending, self._pending = self._pending, None
        return pending.result() if pending else ""

    def close(self) -> None:
        """End the thread, after what it is at."""
        self._thread.shutdown(wait=True)

    def _save(
        self, step: int, leaves: Leaves, facts: Facts, reports: dict[int, dict[str, Any]]
    ) -> str:
        self._check_place()
        records = record_leaves(leaves)
        metrics = reports.get(step, {})
        content = spell_save(step, leaves, records, members=self._members)
        if step in self._known:
            self._check_against_record(step, records)
        written = checkpoint.write(self._places.checkpoints, step, leaves, records, facts)
        try:
            self._check_place()
        except EncoreError:
            shutil.rmtree(written, ignore_errors=True)  # where no run is any more
            raise
        if step not in self._known:
            if self._places.metrics.exists():
                sync_file(self._places.metrics)
            if (table := table_of(records)) != self._table:
                self.append("leaves", table)
                self._table = table
            if (names := figure_names(self._figure_names, reports)) != self._figure_names:
                self.append("figures", {"names": names})
                self._figure_names = names
            self.append("save", {**content, "figures": spell_reports(names, reports)})
        checkpoint.remove_equal_asides(self._places.checkpoints, step, records)
        self.bests = better(self.bests, step, metrics, self._experiment.selection)
        self._kept = better(self._kept, step, metrics, best_by(self._experiment, metrics))
        checkpoint.prune(
            self._places.checkpoints,
            self._retention,
            lambda kept: kept in steps_of(self._kept),
        )
        self._saved(step)
        return content["digest"]

    def append(self, kind: str, content: dict[str, Any]) -> None:
        """Append a line to the ledger."""
        self.chain = ledger.append(self._places.ledger, kind, content, self.chain)

    def _check_against_record(self, step: int, records: dict[str, LeafRecord]) -> None:
        """A step made again after falling back must be what the ledger says it was."""
        known = self._known[step]
        if known["digest"] == state_digest(records):
            return
        names = differing_leaves(read_leaves(known), records)
        raise Difference(
            f"step {step} was made again and differs from the ledger in {len(names)} leaves, "
            f"first {names[0] if names else 'none by itself'}: code, environment or data changed "
            "since; --restart starts anew and keeps this run aside"
        )
