"""Where an operation comes from: the line of Encore, and the functions and layers around it.

A trace and a compiled program both know the calls that led to an operation, and the layers and
transformations that JAX keeps as a path, `transpose(jvp(SmallCNN))/Convolution_0`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

OURS = Path(__file__).resolve().parent.parent
FORWARD, BACKWARD = "forward", "backward"
_OPTIMIZER = "/optax/"
"""Beside Encore's own functions those of optax are folded by: `scale_by_adam`."""
_AROUND = ("cli", "graphs", "options")
"""Rooms of `research/` that call an experiment and are no part of it."""
_UNNAMED = re.compile(r"<|__|_call_|tree_?map|tree$|one$|put$|wrapped|chain$|with_extra_args")
"""Functions that say nothing of what is computed."""


class Frame(NamedTuple):
    """A call that led to an operation."""

    file: str
    function: str
    line: int


class Origin(NamedTuple):
    """Where an operation comes from.

    Attributes:
        calls: functions of Encore and of the optimiser, the outermost first.
        direction: `forward` or `backward` of a gradient, or "".
        layers: modules, the outermost first.
        source: the innermost line of Encore: `research/vision/models.py:31 (__call__)`, or "".
    """

    calls: tuple[str, ...]
    direction: str
    layers: tuple[str, ...]
    source: str


def origin_of(frames: Sequence[Frame], stack: str, experiments: Path) -> Origin:
    """The origin of an operation.

    Args:
        frames: the calls, the innermost first.
        stack: JAX's path of transformations and modules.
        experiments: a folder whose files count as Encore's own, beside the library's.
    """
    calls, source = [], ""
    for frame in frames:
        place = _place(frame.file, experiments)
        if place and not source:
            source = f"{place}:{frame.line} ({_last(frame.function)})"
        if place:
            calls.append(_last(frame.function))
        elif _OPTIMIZER in frame.file:
            calls.append(frame.function.split(".")[0])
    named = [call for call in reversed(calls) if not _UNNAMED.match(call)]
    direction, layers = _read_stack(stack)
    # A call that is there again is one that a loop's inside was traced in.
    return Origin(tuple(dict.fromkeys(named)), direction, layers, source)


@cache
def _place(file: str, experiments: Path) -> str:
    """The file below the folder that holds `research/` or `experiments/`; "" for any other."""
    for folder in (OURS, experiments):
        if file.startswith(f"{folder}/"):
            place = Path(file).relative_to(folder.parent)
            return "" if folder == OURS and place.parts[1] in _AROUND else str(place)
    return ""


def _last(function: str) -> str:
    return function.rsplit(".", 1)[-1]


def _read_stack(stack: str) -> tuple[str, tuple[str, ...]]:
    direction, layers = "", []
    for part in _split(stack):
        wrapped, inner = _unwrap(part)
        if "transpose" in wrapped:
            direction = BACKWARD
        elif "jvp" in wrapped and not direction:
            direction = FORWARD
        for word in _split(inner):
            name = word.rsplit(".", 1)[-1]
            if name and re.fullmatch(r"[A-Za-z_]\w*", name):
                layers.append(name)
    once = [name for at, name in enumerate(layers) if not at or layers[at - 1] != name]
    return direction, tuple(once)


def _split(stack: str) -> list[str]:
    """The parts between slashes that stand in no parentheses."""
    parts, depth = [""], 0
    for letter in stack:
        depth += (letter == "(") - (letter == ")")
        if letter == "/" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def _unwrap(part: str) -> tuple[list[str], str]:
    """`transpose(jvp(Net))` -> (["transpose", "jvp"], "Net")."""
    wrapped = []
    while match := re.fullmatch(r"(\w+)\((.*)\)", part):
        wrapped.append(match[1])
        part = match[2]
    return wrapped, part


def fold_paths(origins: Sequence[Origin]) -> list[tuple[str, ...]]:
    """For each operation of one block the names it is folded under, the outermost first.

    Calls come first, but for those that all have in common. `forward` and `backward` stand where
    the calls of all operations within a gradient part, and then come the layers, or further calls
    where there is none.
    """
    within = _shared([each.calls for each in origins if each.direction])
    every = _shared([each.calls for each in origins if each.calls])
    paths = []
    for each in origins:
        if each.direction:
            rest = each.layers or each.calls[within:]
            path = (*each.calls[every:within], each.direction, *rest)
        else:
            path = (*each.calls[every:], *each.layers)
        paths.append(path)
    return paths


def _shared(names: Sequence[tuple[str, ...]]) -> int:
    """How many names all of them begin with."""
    count = 0
    for each in zip(*names, strict=False):
        if len(set(each)) > 1:
            break
        count += 1
    return count
