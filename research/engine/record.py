"""What a run writes beside its ledger, figures and glimpses, and what it tells an observer.

A report stands once in `metrics.jsonl`, none twice and none missing after a resume. Glimpses show
what a state can do, and prove nothing: no part of the run's identity, its bits or its ledger. A
step that is made again after a kill gives the same glimpse again. Needs no JAX.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from research.engine.durable import named, write_file

if TYPE_CHECKING:
    from research.engine.leaves import Reader
    from research.engine.program import Carry, Program


class Observer(Protocol):
    """Shows a run to whoever looks. Called from the loop: none of it may be slow."""

    def started(self, info: Mapping[str, Any]) -> None:
        """`run_dir`, `experiment`, `seed`, `step`, `steps` and `items`, before anything runs."""

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """The run stands at `step`; `metrics` are the last reported ones."""

    def evaluated(self, step: int, metrics: Figures) -> None:
        """New figures of the watched or final splits."""

    def saved(self, step: int) -> None:
        """The checkpoint of `step` and its ledger line are durable."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """The content of `result.json`."""


class Silence:
    """An observer that shows nothing."""

    def started(self, info: Mapping[str, Any]) -> None:
        """Nothing."""

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """Nothing."""

    def evaluated(self, step: int, metrics: Figures) -> None:
        """Nothing."""

    def saved(self, step: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """Nothing."""


def append_metrics(path: Path, step: int, figures: Figures) -> None:
    """Add one line to `metrics.jsonl`. NaN and infinity are spelled as words."""
    with named(path), path.open("a") as file:
        file.write(_spell_line(step, spell_figures(figures)))


def _spell_line(step: int, figures: Mapping[str, Any]) -> str:
    return json.dumps({"step": step, **figures}, sort_keys=True) + "\n"


def spell_figures(figures: Figures) -> dict[str, Any]:
    """Figures as JSON values: JSON has no NaN and no infinity, so these become words."""

    def spell(figure: Figure) -> Any:
        if isinstance(figure, list):
            return [spell(one) for one in figure]
        if figure is None or abs(float(figure)) < float("inf"):
            return figure if figure is None else float(figure)
        return str(float(figure))

    return {name: spell(figure) for name, figure in figures.items()}


def restore_metrics(path: Path, reports: Mapping[int, Mapping[str, Any]]) -> bool:
    """Make `metrics.jsonl` what the ledger has; lines past its last save are made again.

    Args:
        path: the file.
        reports: step -> figures of every line that the ledger vouches for.

    Returns:
        Whether lines of those had been lost or changed.
    """
    wanted = "".join(_spell_line(step, reports[step]) for step in sorted(reports))
    found = path.read_bytes().decode(errors="replace") if path.exists() else ""
    if found != wanted:
        write_file(path, wanted)
    return not found.startswith(wanted)


def read_metrics(path: Path) -> dict[int, dict[str, Any]]:
    """Step -> the figures of its line; lines that cannot be read are left out."""
    lines = {}
    for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
            lines[int(line.pop("step"))] = line
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return lines


Figure: TypeAlias = float | list[float | None] | None
"""A metric as the host reads it: None for an empty interval, a list for the members of many."""
Figures: TypeAlias = Mapping[str, Figure]
"""Flat name (`validation/accuracy`) -> figure."""
HOST_TOLERANCE = 1e-9
"""How far a figure that was computed on the host may be off, relatively: its last digits follow the
kernels that the host's libraries choose for its CPU."""


def unlike(left: Any, right: Any, tolerance: float) -> bool:
    """Whether two figures, spelled as JSON values, are further apart than a relative tolerance.

    What is no finite number (a word such as "nan", None) must be the same.
    """
    if isinstance(left, list) and isinstance(right, list):
        pairs = zip(left, right, strict=False)
        return len(left) != len(right) or any(unlike(a, b, tolerance) for a, b in pairs)
    if left == right:
        return False
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return True
    return not abs(left - right) <= tolerance * max(abs(left), abs(right))


GLIMPSES = "glimpses.jsonl"
"""In a run's directory."""


def keep_glimpse(
    directory: Path,
    program: Program,
    carry: Carry,
    step: int,
    reader: Reader,
    observer: Observer,
) -> None:
    """Add what the state of a step says; what cannot be said is only noted.

    Of a population, that is its first member.
    """
    say = program.experiment.glimpse
    if say is None:
        return
    from research.engine import keys

    try:
        seed, state = program.each(program.read((carry.seed, carry.state), reader))[0]
        said = say(state, keys.at_step(keys.stream(seed, "sample"), step))
        with (directory / GLIMPSES).open("a") as file:
            file.write(json.dumps({"step": step, "said": said}) + "\n")
    except Exception as error:
        # Words that cannot be said are no reason to lose a run.
        observer.note(f"step {step:,} shows nothing of itself: {type(error).__name__}: {error}")


def read_glimpses(directory: Path) -> dict[int, str]:
    """Step -> what was said then, ascending; lines that cannot be read_glimpses are left out."""
    path, found = directory / GLIMPSES, {}
    for text in path.read_text(errors="replace").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            found[int(line["step"])] = str(line["said"])
        except (ValueError, KeyError, TypeError):
            continue
    return dict(sorted(found.items()))
