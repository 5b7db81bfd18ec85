"""What requests and answers hold: JSON to arrays and back, and what is wrong with a request."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple, NoReturn

import numpy as np

from research.options.command import spell_json
from research.options.convert import did_you_mean
from research.prediction import Predictor, at_first, place_of

STATUS = {
    "json": 400,
    "path": 404,
    "method": 405,
    "slow": 408,
    "size": 413,
    "media": 415,
    "input": 422,
    "rows": 422,
    "fault": 500,
    "busy": 503,
    "late": 504,
}
"""Kind of error -> HTTP status."""
TEXTS = "texts [rows]"
"""How an input of categories is spelled."""
CARRIED = "carried"
"""Where the memory of a model stands in a request and in its answer."""


class Refused(Exception):
    """A request that is not answered: what kind of error it is, and one message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Rows(NamedTuple):
    """What a request asks for.

    Attributes:
        arrays: name -> array `[rows, ...]` of each input of the model.
        size: how many rows.
    """

    arrays: dict[str, np.ndarray]
    size: int


def read_rows(body: bytes, predictor: Predictor, most: int) -> Rows:
    """The inputs that a request's body holds.

    Args:
        body: `{"inputs": {name: rows}}`, and beside it `"carried"` of a model that has memory:
            without it the rows begin anew.
        predictor: says what the inputs are.
        most: rows that a request may have.

    Raises:
        Refused: the body is no JSON, or not what the model takes.
    """
    own = {name: one for name, one in predictor.examples.items() if name not in predictor.carried}
    parts = ("inputs", CARRIED) if predictor.carried else ("inputs",)
    found = _object(_decode(body), "the body", parts, needed=parts[:1])
    given = _object(found["inputs"], "inputs", own, needed=own)
    arrays = {
        name: _places(given[name], f"inputs.{name}", one, predictor.categories[name])
        if name in predictor.categories
        else _array(given[name], f"inputs.{name}", one, missing=predictor.missing)
        for name, one in own.items()
    }
    remembered = found.get(CARRIED)
    if remembered is not None:
        memory = predictor.carried
        given = _object(remembered, CARRIED, memory, needed=memory)
        arrays |= {name: _array(given[name], f"{CARRIED}.{name}", memory[name]) for name in memory}
    counts = {name: len(array) for name, array in arrays.items()}
    count = next(iter(counts.values()))
    if len(set(counts.values())) > 1:
        spelled = ", ".join(f"{name} has {rows}" for name, rows in counts.items())
        raise Refused("rows", f"all inputs must have as many rows: {spelled}")
    if not 1 <= count <= most:
        raise Refused("rows", f"a request has 1 to {most} rows, not {count}")
    if remembered is None:
        arrays |= at_first(predictor, count)
    return Rows(arrays, count)


def write_outputs(
    outputs: Mapping[str, np.ndarray], answers: Sequence[Any], carried: Sequence[str]
) -> bytes:
    """An answer's body. Each float32 stands there as the float64 of the same value, exactly.

    Args:
        outputs: name -> array `[rows, ...]`.
        answers: the same as a person reads it, a value a row; () where there is no such reading.
        carried: the names of outputs that are the memory.
    """
    lists = {name: array.tolist() for name, array in outputs.items()}
    report: dict[str, Any] = {
        "outputs": {name: rows for name, rows in lists.items() if name not in carried}
    }
    if carried:
        report[CARRIED] = {name: lists[name] for name in carried}
    if answers:
        report["answers"] = answers
    return write_json(report)


def write_json(report: Mapping[str, Any]) -> bytes:
    """Strict JSON; NaN and infinity become words, as the commands write them."""
    try:
        return json.dumps(report, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        return spell_json(report).encode()


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _decode(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode())
    except RecursionError:
        raise Refused("json", "the body is nested too deeply") from None
    except ValueError as error:
        raise Refused("json", f"the body is not JSON: {error}") from None


def _object(
    found: Any, where: str, names: Sequence[str] | Mapping[str, Any], needed: Any
) -> dict[str, Any]:
    """A JSON object that has names among these, and all that are needed."""
    wanted = ", ".join(f'"{name}"' for name in names)
    if not isinstance(found, dict):
        raise Refused("input", f"{where} must be an object with {wanted}, not {_kind(found)}")
    for name in found:
        if name not in names:
            near = did_you_mean(name, list(names)) or f"; there is {wanted}"
            raise Refused("input", f'{where} has an unknown name "{name[:100]}"{near}')
    for name in needed:
        if name not in found:
            raise Refused("input", f'{where} lacks "{name}"')
    return found


def _array(found: Any, where: str, example: Any, *, missing: bool = False) -> np.ndarray:
    """The array that nested lists of numbers are, of an example's dtype, `[rows, ...]`.

    Where numbers may be missing, null stands for one and becomes NaN.
    """
    lacking = missing and np.dtype(example.dtype).kind == "f"
    allowed = {int, float, type(None)} if lacking else {int, float}
    array = _objects(found, where, example, allowed, spell_shape(example))
    return _converted(array, where, np.dtype(example.dtype))


def _places(found: Any, where: str, example: Any, categories: tuple[str, ...]) -> np.ndarray:
    """The places of texts, or null, among categories."""
    texts = _objects(found, where, example, {str, type(None)}, TEXTS)
    return np.array([place_of(text, categories) for text in texts], example.dtype)


def _objects(found: Any, where: str, example: Any, allowed: Set[type], wanted: str) -> np.ndarray:
    """Nested lists as an array of objects: nothing is converted before its type is looked at."""
    if not isinstance(found, list):
        raise Refused("input", f"{where} must be nested lists, {wanted}, not {_kind(found)}")
    array = np.array(found, dtype=object)
    if wrong := _difference(array, example, allowed):
        raise Refused("input", f"{where} {wrong}; it must be {wanted}")
    return array


def _difference(array: np.ndarray, example: Any, allowed: Set[type]) -> str:
    """What tells an array of objects from one of what is allowed in an example's shape, or ""."""
    if array.ndim > len(example.shape):
        return f"is nested {array.ndim} lists deep"
    kinds = set(map(type, array.flat))
    if list in kinds:
        return "has lists of different lengths"
    if array.shape[1:] != tuple(example.shape[1:]):
        return f"has the shape [{', '.join(map(str, array.shape))}]"
    if not kinds <= allowed:
        return f"holds {_kind(next(each for each in array.flat if type(each) not in allowed))}"
    return ""


@functools.cache
def limits_of(dtype: np.dtype) -> tuple[float, float]:
    """The least and the greatest number that an input of that dtype takes."""
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return float(np.finfo(dtype).min), float(np.finfo(dtype).max)


def _converted(array: np.ndarray, where: str, dtype: np.dtype) -> np.ndarray:
    """Numbers of Python as an array of that dtype, which must hold them."""
    low, high = limits_of(dtype)
    try:
        numbers = array.astype(np.float64)
    except OverflowError:
        raise Refused("input", f"{where} holds a number beyond all floats") from None
    if (odd := numbers[(numbers < low) | (numbers > high)]).size:
        raise Refused(
            "input", f"{where} holds {odd[0]:g}; {dtype} reaches from {low:.6g} to {high:.6g}"
        )
    if dtype.kind in "biu" and (odd := numbers[numbers != np.rint(numbers)]).size:
        raise Refused("input", f"{where} holds {odd[0]:g}; {dtype} has whole numbers")
    return numbers.astype(dtype)


def spell_shape(example: Any) -> str:
    """`uint8 [rows, 8, 8, 1]`."""
    return f"{np.dtype(example.dtype)} [{', '.join(['rows', *map(str, example.shape[1:])])}]"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")
