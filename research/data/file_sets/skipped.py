"""What was skipped of the files that an experiment reads: counted in its result, and shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from research.data.file_sets.files import Files
from research.data.file_sets.written import Written
from research.engine.experiment import Evaluation, Experiment, Key, State


def files_in(source: Any) -> Iterator[Files | Written]:
    """All files that a source reads, itself or through others that it is made of; opens none."""
    if isinstance(source, Files | Written):
        yield source
    elif isinstance(source, list | tuple):
        for each in source:
            yield from files_in(each)
    elif dataclasses.is_dataclass(source):
        for field in dataclasses.fields(source):
            yield from files_in(getattr(source, field.name))


def with_skipped(experiment: Experiment) -> Experiment:
    """The experiment, in whose result stands how many records each split leaves out.

    That is the figure `train/left_out`, for the splits that leave out any, and a remark names the
    first of them. An experiment that skips nothing is given back as it is.
    """
    splits = {} if experiment.data is None else experiment.data.splits
    skipping = {
        name: found
        for name, source in splits.items()
        if (found := [each for each in files_in(source) if each.damaged == "skip"])
    }
    if not skipping:
        return experiment

    def judge(state: State, evaluation: Evaluation, key: Key, *inputs: Any) -> Mapping[str, float]:
        judged = experiment.judge and dict(experiment.judge(state, evaluation, key, *inputs))
        counts = {name: sum(each.left_out for each in found) for name, found in skipping.items()}
        return {
            **(judged or {}),
            **{f"{name}/left_out": float(n) for name, n in counts.items() if n},
        }

    def remarks(figures: Mapping[str, float]) -> Sequence[str]:
        made = [] if experiment.remarks is None else [*experiment.remarks(figures)]
        for name, found in skipping.items():
            broken = [place for each in found for place in each.broken]
            if broken:
                count, (file, (where, what)) = sum(each.left_out for each in found), broken[0]
                made.append(
                    f"{name}: {count:,} broken place{'s were' if count > 1 else ' was'} skipped; "
                    f"the first is in {file}, {where}: {what}."
                )
        return made

    return experiment._replace(judge=judge, remarks=remarks)
