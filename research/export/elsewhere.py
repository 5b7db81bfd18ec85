"""Runs a model on inputs that lie in files: a script for a process that has no Encore.

`python -I elsewhere.py FOLDER SCRATCH` loads the exported model in `FOLDER` by the `load.py` that
lies there. It needs NumPy and what that needs, and refuses to import Encore.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Call = Callable[[Arrays], Mapping[str, np.ndarray]]
OURS = ("research", "experiments")


def run_rows(
    call: Call,
    inputs: Arrays,
    size: int,
    carried: Mapping[str, Any],
    follow: tuple[str, str] | None = None,
    length: int = 0,
    tell: Callable[[int], None] = lambda rows: None,
) -> Arrays:
    """The outputs of all rows of the inputs, in batches of a size; the last one may be smaller.

    Args:
        call: the model.
        inputs: name -> array `[rows, ...]`; `[rows, time, ...]` of a model that carries memory.
        size: rows at once.
        carried: name -> what the array of that name is like, shape `[any, ...]` and dtype.
        follow: an output and an input: once the inputs are used up, the place of the output's
            largest number is the next input.
        length: steps of a model that carries memory; 0 for as many as the inputs have.
        tell: is given the number of rows that are done.

    Returns:
        Name -> array `[rows, ...]`; `[rows, time, ...]` of a model that carries memory, but for
        what is carried, which is that of the last step.
    """
    (rows,) = {len(array) for array in inputs.values()}
    parts = []
    for at in range(0, rows, size):
        part = {name: array[at : at + size] for name, array in inputs.items()}
        if carried:
            parts.append(_over_time(call, part, carried, follow, length))
        else:
            parts.append({name: np.asarray(one) for name, one in call(part).items()})
        tell(min(rows, at + size))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _over_time(
    call: Call,
    inputs: Arrays,
    carried: Mapping[str, Any],
    follow: tuple[str, str] | None,
    length: int,
) -> Arrays:
    rows, time = next(iter(inputs.values())).shape[:2]
    memory = {name: np.zeros((rows, *one.shape[1:]), one.dtype) for name, one in carried.items()}
    chosen: Arrays = {}
    steps: list[Arrays] = []
    for place in range(length or time):
        given = {name: array[:, place] for name, array in inputs.items()} if place < time else {}
        outputs = {n: np.asarray(one) for n, one in call({**chosen, **given, **memory}).items()}
        memory = {name: outputs.pop(name) for name in carried}
        if follow is not None:
            output, name = follow
            chosen = {name: outputs[output].argmax(axis=-1).astype(inputs[name].dtype)}
        steps.append(outputs)
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]} | memory


class RefuseEncore:
    """A finder of modules that finds none of Encore's."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse Encore's own; leave others to the finders after this one."""
        if name.partition(".")[0] in OURS:
            raise ModuleNotFoundError(f"{name} is Encore's, and this process is to have none of it")


def _run_trial(call: Call, inputs: Arrays, size: int, trial: Mapping[str, Any]) -> Arrays:
    carried = {n: np.empty([0, *shape], dtype) for n, (shape, dtype) in trial["carried"].items()}
    follow = tuple(trial["follow"]) if trial["follow"] else None

    def tell(rows: int) -> None:
        print(json.dumps({"trial": trial["name"], "size": size, "rows": rows}), flush=True)

    return run_rows(call, inputs, size, carried, follow, trial["length"], tell)


def main(folder: Path, scratch: Path) -> None:
    """Run all trials, and write outputs beside the inputs; a line is printed as each batch ends."""
    sys.meta_path.insert(0, RefuseEncore())
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    call: Call = module.load()
    for trial in json.loads((scratch / "trials.json").read_text(encoding="utf-8")):
        name = trial["name"]
        with np.load(scratch / f"{name}-inputs.npz") as file:
            inputs = dict(file)
        for size in trial["sizes"]:
            outputs = _run_trial(call, inputs, size, trial)
            np.savez(scratch / f"{name}-outputs-{size}.npz", **outputs)  # type: ignore[arg-type]
    if any(module.partition(".")[0] in OURS for module in sys.modules):
        raise RuntimeError("Encore was imported")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
