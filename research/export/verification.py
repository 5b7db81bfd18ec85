"""Verification: an exported model, loaded without Encore, against the run that it is of."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from research.engine import environment
from research.errors import Difference
from research.export import elsewhere
from research.export.comparing import TOLERANCE, Found, compare
from research.export.elsewhere import Arrays
from research.export.forms import Way
from research.export.manifest import Verification
from research.export.probing import make_probe
from research.export.trials import Model, Trial, answer, inputs_at, margin_of
from research.prediction import Actions, Classes, Tokens, Translations

SIZES = (1, 7, 32)
"""Of batches."""
SAME: dict[type, str] = {
    Classes: "every most probable class",
    Actions: "every action",
    Tokens: "every likeliest token",
    Translations: "every token",
}
"""The choices that must be the same, by how outputs read."""


class Watcher(NamedTuple):
    """Who is told how it goes.

    Attributes:
        tell: is given what is done, how many rows of it are, and of how many; 0 of 0 where that
            is not known.
        check: raises where the user wants it to end.
        started: is given the process that runs the exported model.
    """

    tell: Callable[[str, int, int], None]
    check: Callable[[], None]
    started: Callable[[subprocess.Popen[str]], None]


def verify(
    model: Model, folder: Path, trials: list[Trial], way: Way, watcher: Watcher
) -> Verification:
    """Hold a model that was written against the run, in a process without Encore.

    Raises:
        Difference: it differs; names the first layer that does.
    """
    predictor = model.predictor
    answers = [_answer(model, trial, watcher) for trial in trials]
    largest: dict[str, float] = {}
    ties = 0
    of = {trial.name: trial.rows for trial in trials}

    def tell(trial: str, size: int, rows: int) -> None:
        watcher.tell(f"without Encore, {trial}, batches of {size}", rows, of[trial])

    watcher.tell("without Encore", 0, 0)
    found = run_elsewhere(folder, trials, predictor.carried, SIZES, tell, watcher.started)
    with contextlib.closing(found):
        for number, (trial, size, outputs) in enumerate(found):
            watcher.check()
            compared = compare(answers[number // len(SIZES)], outputs, margin_of(model, trial))
            if compared.differs:
                layer = first_layer(model, trial, size, compared, folder, way, watcher)
                raise Difference(
                    "nothing was published: the exported model differs from the run, on "
                    f"{trial.on}, in batches of {size}: {compared.differs}. {layer}"
                )
            for name, value in compared.largest.items():
                largest[name] = max(value, largest.get(name, 0.0))
            ties = max(ties, compared.ties)
    return Verification(
        on="; ".join(trial.on for trial in trials),
        batch_sizes=SIZES,
        tolerance=TOLERANCE,
        largest=largest,
        same=SAME.get(type(predictor.outputs), ""),
        platform=jax.default_backend(),
        ties=ties,
    )


def _answer(model: Model, trial: Trial, watcher: Watcher) -> Arrays:
    def tell(rows: int) -> None:
        watcher.tell(f"the run itself, {trial.name}", rows, trial.rows)
        watcher.check()

    return answer(model, trial, tell)


def first_layer(
    model: Model,
    trial: Trial,
    size: int,
    compared: Found,
    folder: Path,
    way: Way,
    watcher: Watcher,
) -> str:
    """A sentence that names the first layer whose outputs differ, in the batch that does."""
    if not compared.place:
        return ""
    watcher.tell("looking for the layer", 0, 0)
    rows = inputs_at(model, trial, size, compared)
    probe = make_probe(model.apply)
    wanted: Mapping[str, Any] = jax.device_get(jax.jit(probe)(rows))
    probing = Trial("probe", "", rows)
    try:
        way.write(probe, model.predictor.examples, folder / way.model)
        ((_, _, made),) = run_elsewhere(
            folder, [probing], {}, (size,), lambda *_: None, watcher.started
        )
    except (ValueError, Difference) as error:
        return f"Its layers cannot be looked into: {error}"
    for name in sorted(wanted):
        one = compare({name: np.asarray(wanted[name])}, {name: made[name]})
        if one.differs:
            apart = one.largest.get(name, float("nan"))
            return f"The first layer that differs is {name.partition(' ')[2]}, by {apart:.1e}."
    return "None of its layers differs by itself."


def run_elsewhere(
    folder: Path,
    trials: Sequence[Trial],
    carried: Mapping[str, Any],
    sizes: Sequence[int],
    tell: Callable[[str, int, int], None],
    started: Callable[[subprocess.Popen[str]], None],
) -> Generator[tuple[Trial, int, Arrays], None, None]:
    """The outputs of an exported model, in a process without Encore.

    Args:
        folder: of the model, with its `load.py` and its manifest.
        trials: what is put in.
        carried: as `Predictor` has it.
        sizes: of batches, each of which all trials are put in by.
        tell: is given a trial's name, the size of a batch, and how many rows are done.
        started: is given the process, to be stopped where the user wishes.

    Yields:
        A trial, the size of a batch, and the outputs.

    Raises:
        Difference: the model cannot be loaded there, or fails.
    """
    with tempfile.TemporaryDirectory(prefix="encore-export-") as name:
        scratch = Path(name)
        _write_trials(scratch, trials, carried, sizes)
        _execute(folder, scratch, tell, started)
        for trial in trials:
            for size in sizes:
                with np.load(scratch / f"{trial.name}-outputs-{size}.npz") as file:
                    yield trial, size, dict(file)


def _execute(
    folder: Path,
    scratch: Path,
    tell: Callable[[str, int, int], None],
    started: Callable[[subprocess.Popen[str]], None],
) -> None:
    empty = scratch / "empty"
    empty.mkdir()
    script = Path(elsewhere.__file__).absolute()
    # Isolated: neither the current folder nor PYTHONPATH leads to Encore. No bytecode is left.
    command = [sys.executable, "-I", "-B", str(script), str(folder.absolute()), str(scratch)]
    with (scratch / "errors.txt").open("w+") as errors:
        with subprocess.Popen(
            command, cwd=empty, env=_plain(), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            try:
                started(process)
                for line in process.stdout or ():
                    with contextlib.suppress(ValueError, KeyError, TypeError):
                        done = json.loads(line)
                        tell(done["trial"], done["size"], done["rows"])
                code = process.wait()
            finally:
                process.kill()
        errors.seek(0)
        lines = [line.strip() for line in errors if line.strip()]
    if code:
        why = lines[-1] if lines else f"exit code {code}"
        raise Difference(f"the exported model does not run without Encore: {why}")


def _plain() -> dict[str, str]:
    """The environment without what Encore sets for its own sake."""
    ours = {"XLA_FLAGS", "NPROC", "PYTHONPATH", environment.ONEDNN}
    return {name: value for name, value in os.environ.items() if name not in ours}


def _write_trials(
    scratch: Path, trials: Sequence[Trial], carried: Mapping[str, Any], sizes: Sequence[int]
) -> None:
    shapes = {name: (list(one.shape[1:]), str(one.dtype)) for name, one in carried.items()}
    plan = [
        {
            "name": trial.name,
            "sizes": list(sizes),
            "carried": shapes,
            "follow": trial.follow,
            "length": trial.length,
        }
        for trial in trials
    ]
    (scratch / "trials.json").write_text(json.dumps(plan), encoding="utf-8")
    for trial in trials:
        np.savez(scratch / f"{trial.name}-inputs.npz", **trial.inputs)  # type: ignore[arg-type]
