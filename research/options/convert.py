"""From the text of an option to its value, by the type of the field; every refusal in words."""

from __future__ import annotations

import decimal
import difflib
import math
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
# Numeric hyper-parameters are float32 in the State.
_LARGEST, _SMALLEST = (2 - 2.0**-23) * 2.0**127, 2.0**-126


class Refusal(ValueError):
    """Why a text is no value of a type, as the end of a sentence."""


def convert(text: str, kind: Any) -> Any:
    """The value that `text` spells.

    Args:
        text: as typed.
        kind: int, float, bool, str, a Literal, `tuple[kind, ...]`, `tuple[kind, kind]`, or one of
            these or None (`none` then spells None).

    Raises:
        Refusal: the text spells no such value.
        TypeError: no text could spell a value of this kind.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType) and type(None) in arguments:
        if text.lower() == "none":
            return None
        return convert(text, optional(kind))
    if origin is Literal:
        return _literal(text, arguments)
    if origin is tuple:
        return _tuple(text, arguments)
    if kind is bool:
        return _bool(text)
    if kind is int:
        return _int(text)
    if kind is float:
        return _float(text)
    if kind is str:
        return text
    raise TypeError(f"an option cannot spell a {describe(kind)}")


def bounded(value: Any, most: int) -> Any:
    """The value, every whole number in it being `most` or less, and no less than `-most`.

    Raises:
        Refusal: one of them is larger.
    """
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, int) and abs(part) > most:
            raise Refusal(f"a whole number of at most {most:,} is wanted")
    return value


def at_home(text: str) -> str:
    """The path with `~` replaced by a home folder, as a shell does where it stands by itself.

    Raises:
        Refusal: there is no such home.
    """
    try:
        return str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:
        raise Refusal(
            "there is no such home folder; for a folder of this name write ./ before it"
        ) from None


def supported(kind: Any) -> bool:
    """Whether an option can spell values of this kind."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return len(arguments) == 2 and type(None) in arguments and supported(optional(kind))
    if origin is tuple:
        return bool(arguments) and all(supported(part) for part in arguments if part is not ...)
    return origin is Literal or kind in (bool, int, float, str)


def optional(kind: Any) -> Any:
    """`kind` without None: `int | None` becomes `int`; other kinds stay."""
    if typing.get_origin(kind) not in (typing.Union, types.UnionType):
        return kind
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    return parts[0] if len(parts) == 1 else kind


def describe(kind: Any) -> str:
    """What stands for a value in help: `INT`, `adam|sgd`, `INT,INT,...`."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return describe(optional(kind)) if optional(kind) is not kind else str(kind)
    if origin is Literal:
        return "|".join(str(choice) for choice in arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is ...:
            return f"{describe(arguments[0])},..."
        return ",".join(describe(part) for part in arguments)
    names = {bool: "true|false", int: "INT", float: "FLOAT", str: "TEXT"}
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def spell(value: Any) -> str:
    """The text that `convert` reads back as `value`; a list is a tuple that has been JSON."""
    if isinstance(value, tuple | list):
        return ",".join(spell(part) for part in value) or "()"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def nearest(word: str, words: Iterable[str]) -> list[str]:
    """Up to three of `words` that `word` may have been meant as, the nearest first."""
    near = difflib.get_close_matches(word, list(words), n=3, cutoff=0.6)
    likeness = [difflib.SequenceMatcher(None, other, word).ratio() for other in near]
    return [other for other, like in zip(near, likeness, strict=True) if like > likeness[0] - 0.15]


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`; did you mean a or b?`, or nothing where no word is near."""
    return hint(nearest(word, words))


def hint(near: Sequence[str]) -> str:
    """`; did you mean a or b?` of words that are near, or nothing where none is."""
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _literal(text: str, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if str(choice) == text:
            return choice
    names = [str(choice) for choice in choices]
    raise Refusal(f"one of {', '.join(names)} is wanted{did_you_mean(text, names)}")


def _tuple(text: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    inner = text.strip().removeprefix("(").removesuffix(")").removesuffix(",")
    parts = [part.strip() for part in inner.split(",")] if inner.strip() else []
    if len(arguments) == 2 and arguments[1] is ...:
        return tuple(convert(part, arguments[0]) for part in parts)
    if len(parts) != len(arguments):
        raise Refusal(f"{len(arguments)} values with commas between are wanted")
    return tuple(convert(part, kind) for part, kind in zip(parts, arguments, strict=True))


def is_bool(text: str) -> bool:
    """Whether the text is one of the words for true and false."""
    return text.lower() in _TRUE + _FALSE


def _bool(text: str) -> bool:
    if not is_bool(text):
        raise Refusal("true or false is wanted")
    return text.lower() in _TRUE


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        raise Refusal("a whole number is wanted") from None
    if not number.is_finite() or number.adjusted() > 18:
        raise Refusal("a whole number below 10**19 is wanted")
    if number != number.to_integral_value():
        raise Refusal("a whole number is wanted")
    return int(number)


def _float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise Refusal("a number is wanted") from None
    if not math.isfinite(value):
        raise Refusal("a finite number is wanted")
    if abs(value) > _LARGEST or 0 < abs(value) < _SMALLEST:
        raise Refusal("a number that float32 can hold is wanted")
    return value
