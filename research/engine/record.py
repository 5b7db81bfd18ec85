"""Records beside the ledger: observers, figures in `metrics.jsonl`, and glimpses.

A report stands once in `metrics.jsonl`, none twice and none missing after a resume. A glimpse shows
what a state can do, and proves nothing: no part of the run's identity, its bits or its ledger. Each
is a file of its own, and a step that is made again after a kill writes the same file. Needs no JAX.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from research.engine.directory import GLIMPSES
from research.engine.durable import named, write_file
from research.errors import Damaged, Mistake

if TYPE_CHECKING:
    import numpy as np

    from research.engine.artifacts import Artifact
    from research.engine.experiment import Experiment
    from research.engine.loop import Session
    from research.engine.program import Carry, Program


class Observer:
    """Shows a run; this one shows nothing. Called from the loop: none of it may be slow."""

    def started(self, info: Mapping[str, Any]) -> None:
        """`run_dir`, `experiment`, `seed`, `step`, `steps` and `items`, before anything runs."""

    def progress(self, step: int, steps: int, items_per_second: float, metrics: Figures) -> None:
        """The run stands at `step`; `metrics` are the last reported ones."""

    def waited(self, waited: Mapping[str, Any]) -> None:
        """What steps waited for so far, as `Waiting.spell` has it; before `progress`.

        Not called where nothing is read ahead of steps.
        """

    def evaluated(self, step: int, metrics: Figures) -> None:
        """New figures of the watched or final splits."""

    def saved(self, step: int) -> None:
        """The checkpoint of `step` and its ledger line are durable."""

    def note(self, text: str) -> None:
        """Something that a person should know."""

    def finished(self, result: Mapping[str, Any]) -> None:
        """The content of `result.json`."""


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


def spell_sums(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays as JSON values: nested lists, spelled as figures are."""
    return spell_figures({name: array.tolist() for name, array in sums.items()})


def restore_metrics(path: Path, reports: Mapping[int, Mapping[str, Any]]) -> bool:
    """Make `metrics.jsonl` what the ledger has; lines past its last save are made again.

    `reports` maps a step to the figures of every line that the ledger vouches for.

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


KEPT = 32
"""Parts of a run of which a glimpse is kept each."""
TITLE = "As it learned"
"""Of what has no title of its own."""


def check_glimpse(program: Program) -> None:
    """Make sure that the experiment's glimpse has a form that a page has; nothing is computed.

    Raises:
        Mistake: it cannot.
    """
    import jax
    import numpy as np

    glimpse = program.experiment.glimpse
    if glimpse is None:
        return
    key = jax.eval_shape(lambda: jax.random.key(0))
    try:
        shapes = jax.eval_shape(glimpse.make, program.member_shapes.state, key)
        zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        spell_glimpse(glimpse.show(zeros))
    except Exception as error:
        # Whatever is wrong in the experiment's own code: better now than after hours.
        raise Mistake(
            f"the experiment's glimpse cannot be shown: {type(error).__name__}: {error}"
        ) from error


def keep_glimpse(session: Session, carry: Carry, step: int) -> None:
    """Keep the glimpse of a step; one that cannot be made or written is only noted.

    A run is cut into `KEPT` equal parts: the newest glimpse of each part stays, and the very first
    of all. What stays follows from the steps alone, so that a run that is resumed keeps the same.
    The file is written while the loop goes on.
    """
    program, places, saver, reader, observer = session
    experiment = program.experiment
    if experiment.glimpse is None:
        return
    with _only_noted(step, observer):
        arrays = reader(program.glimpse(carry, step))
        saver.beside(partial(_write_glimpse, places.run, experiment, step, arrays, observer))


@contextmanager
def _only_noted(step: int, observer: Observer) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # A picture that is missing is no reason to lose a run.
        observer.note(f"the glimpse of step {step:,} is missing: {type(error).__name__}: {error}")


def _write_glimpse(
    directory: Path, experiment: Experiment, step: int, arrays: Any, observer: Observer
) -> None:
    folder = directory / GLIMPSES
    with _only_noted(step, observer):
        assert experiment.glimpse is not None
        suffix, content = spell_glimpse(experiment.glimpse.show(arrays))
        folder.mkdir(exist_ok=True)
        if suffix != _TEXT and not any(folder.iterdir()):
            observer.note(f"glimpses of the training are kept in {folder}; the report shows them")
        write_file(folder / f"{step}{suffix}", content)
        found = _glimpse_files(directory)
        for superseded in found.keys() - kept_of(found, experiment.steps):
            found[superseded].unlink()


def kept_of(taken: Iterable[int], steps: int) -> set[int]:
    """The steps whose glimpses stay: the first, and the newest of each part of the run.

    `taken` are steps from 1 on, in any order.
    """
    ascending = sorted(taken)
    newest = {(step - 1) * KEPT // steps: step for step in ascending}
    return {*ascending[:1], *newest.values()}


def spell_glimpse(glimpse: str | Artifact | np.ndarray) -> tuple[str, bytes]:
    """The suffix and the bytes of a glimpse's file.

    Raises:
        TypeError, ValueError: it is neither a text nor an artifact nor a picture.
    """
    import numpy as np

    from research.engine import artifacts

    if isinstance(glimpse, str):
        return _TEXT, glimpse.encode()
    if isinstance(glimpse, np.ndarray):
        glimpse = artifacts.as_images(glimpse, TITLE)
    if type(glimpse) not in artifacts.KINDS.values():
        kinds = ", ".join(artifacts.KINDS)
        raise TypeError(
            f"it gives {type(glimpse).__name__}, not a text, an array that is a picture, or one of "
            f"{kinds}"
        )
    if isinstance(glimpse, artifacts.Images):
        artifacts.check(glimpse)
        if not glimpse.signed:  # all that a page shows, at a quarter of the size
            levels = artifacts.grey_levels(glimpse.images, glimpse.low, glimpse.high)
            glimpse = glimpse._replace(images=levels, low=0.0, high=255.0)
    return _ARTIFACT, artifacts.spell(glimpse)


_TEXT, _ARTIFACT = ".txt", ".npz"


def _glimpse_files(directory: Path) -> dict[int, Path]:
    """Step -> the file of its glimpse, ascending."""
    found = (directory / GLIMPSES).glob("*")
    files = {int(path.stem): path for path in found if path.stem.isdecimal()}
    return dict(sorted(files.items()))


def read_glimpses(directory: Path) -> tuple[dict[int, str | Artifact], list[str]]:
    """Step -> its glimpse, ascending, and a sentence on each that cannot be read."""
    from research.engine import artifacts

    found: dict[int, str | Artifact] = {}
    problems = []
    for step, path in _glimpse_files(directory).items():
        try:
            content = path.read_bytes()
            found[step] = content.decode() if path.suffix == _TEXT else artifacts.parse(content)[1]
        except (Damaged, OSError, UnicodeDecodeError) as error:
            problems.append(f"{GLIMPSES}/{path.name} cannot be read: {error}")
    return found, problems
