"""What a compiled program's text (XLA's HLO) says: computations of instructions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from research.graphs.origins import Frame

_ARRAY = re.compile(r"\b([a-z][a-z0-9]*)\[([\d,]*)\]")
_BITS = re.compile(r"[a-z]+?(\d+)")
_CALLED = re.compile(
    r"\b(calls|to_apply|body|condition|branch_computations|true_computation|false_computation)="
    r"(\{[^}]*\}|%?[\w.\-]+)"
)
_METADATA = re.compile(r'op_name="((?:[^"\\]|\\.)*)"')
_FRAME = re.compile(r"stack_frame_id=(\d+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_ASSIGNED = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
_COMMENT = re.compile(r"/\*.*?\*/")


class Array(NamedTuple):
    """Dtype and shape of an array."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Those of its elements; of what is less than a byte one."""
        bits = _BITS.match(self.dtype)
        return self.size * max(1, int(bits[1]) // 8 if bits else 1)


class Instruction(NamedTuple):
    """One instruction.

    Attributes:
        name: its own.
        opcode: what it does.
        arrays: what it gives; several of a tuple.
        operands: names of instructions of the same computation.
        called: attribute -> names of computations that it calls.
        attributes: the rest of its line.
        op_name: JAX's path of functions, transformations and layers.
        frame: number of the call that led to it, 0 for none.
        trips: how often a loop turns, if that is known; else 1.
        root: whether it is the computation's result.
    """

    name: str
    opcode: str
    arrays: tuple[Array, ...]
    operands: tuple[str, ...]
    called: Mapping[str, tuple[str, ...]]
    attributes: str
    op_name: str
    frame: int
    trips: int
    root: bool


class Module(NamedTuple):
    """A compiled program.

    Attributes:
        entry: the name of the computation that it begins with.
        computations: name -> its instructions, each after its operands.
        frames: number -> the calls that led to an instruction, the innermost first.
    """

    entry: str
    computations: Mapping[str, tuple[Instruction, ...]]
    frames: Mapping[int, tuple[Frame, ...]]


def parse(text: str) -> Module:
    """Reads what `compiled.as_text()` gives.

    Raises:
        ValueError: there is no computation to begin with.
    """
    computations: dict[str, tuple[Instruction, ...]] = {}
    current: list[Instruction] = []
    tables: dict[str, dict[int, str]] = {}
    table: dict[int, str] = {}
    entry = name = ""
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith((" ", "HloModule")):
            words = line.split()
            name = words[words[0] == "ENTRY"].lstrip("%")
            entry = name if words[0] == "ENTRY" else entry
            current = []
        elif line.startswith("}"):
            computations[name] = tuple(current)
        elif _ASSIGNED.match(line):
            current.append(_read_instruction(line))
        elif line in ("FileNames", "FunctionNames", "FileLocations", "StackFrames"):
            table = tables.setdefault(line, {})
        elif line[:1].isdigit():
            number, _, rest = line.partition(" ")
            table[int(number)] = rest
    if not entry:
        raise ValueError("the compiled program's text has no ENTRY")
    return Module(entry, computations, _read_frames(tables))


def _read_instruction(line: str) -> Instruction:
    line = _COMMENT.sub("", line)
    head = _ASSIGNED.match(line)
    assert head is not None
    rest = line[head.end() :]
    end = _closing(rest, 0) if rest.startswith("(") else rest.index(" ")
    given, rest = rest[:end], rest[end:].lstrip()
    opcode, _, _ = rest.partition("(")
    end = _closing(rest, len(opcode))
    operands, attributes = rest[len(opcode) + 1 : end - 1], rest[end:]
    metadata, frame = _METADATA.search(attributes), _FRAME.search(attributes)
    trips = _TRIPS.search(attributes)
    # A parameter's number and a constant's value stand where others have operands.
    plain = opcode in ("parameter", "constant", "iota")
    return Instruction(
        head[2],
        opcode,
        _arrays(given),
        () if plain else tuple(re.findall(r"%([\w.\-]+)", operands)),
        {key: tuple(re.findall(r"[\w.\-]+", value)) for key, value in _CALLED.findall(attributes)},
        operands if plain else attributes,
        metadata[1].replace("\\'", "'") if metadata else "",
        int(frame[1]) if frame else 0,
        int(trips[1]) if trips else 1,
        bool(head[1]),
    )


def _closing(text: str, start: int) -> int:
    """The place behind the parenthesis that closes the one at `start`."""
    depth = 0
    for match in re.compile(r"[()]").finditer(text, start):
        depth += 1 if match[0] == "(" else -1
        if not depth:
            return match.end()
    return len(text)


def _arrays(text: str) -> tuple[Array, ...]:
    return tuple(
        Array(dtype, tuple(int(size) for size in sizes.split(",") if size))
        for dtype, sizes in _ARRAY.findall(text)
    )


def _read_frames(tables: Mapping[str, Mapping[int, str]]) -> dict[int, tuple[Frame, ...]]:
    """The calls of each number; a caller's number stands one too high there, and 1 is none."""
    files, functions = (
        {number: text.strip('"') for number, text in tables.get(name, {}).items()}
        for name in ("FileNames", "FunctionNames")
    )

    def numbers(text: str) -> dict[str, int]:
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)}

    places = {number: numbers(text) for number, text in tables.get("FileLocations", {}).items()}
    links = {number: numbers(text) for number, text in tables.get("StackFrames", {}).items()}
    found: dict[int, tuple[Frame, ...]] = {}
    for start in links:
        calls: list[Frame] = []
        number = start
        while number in links and len(calls) < len(links):
            place = places[links[number]["file_location_id"]]
            calls.append(
                Frame(
                    files[place["file_name_id"]],
                    functions[place["function_name_id"]],
                    place["line"],
                )
            )
            number = links[number]["parent_frame_id"] - 1
        found[start] = tuple(calls)
    return found
