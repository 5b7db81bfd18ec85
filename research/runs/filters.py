"""Which runs of many are meant: `--filter stopped,learning_rate>=0.001`, and in what order."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from research.errors import Mistake
from research.options.convert import did_you_mean, spell
from research.runs.run import STATES

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_TERM = re.compile(r"^\s*(?P<name>[\w-]+)\s*(?P<sign>!=|<=|>=|=|<|>)\s*(?P<value>.*?)\s*$")
_NUMBER = re.compile(r"^[-+.\d]")


class Term(NamedTuple):
    """One condition.

    Attributes:
        name: a field, or "" for a state or a text.
        sign: the comparison, or "".
        value: what it is compared with; the state or text where there is no name.
    """

    name: str
    sign: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"


def read_terms(text: str) -> list[Term]:
    """The conditions of a filter; a comma before a number goes on with a list: `widths=32,64`.

    Raises:
        Mistake: a condition without a value.
    """
    parts: list[str] = []
    for part in text.split(","):
        goes_on = parts and _TERM.match(parts[-1]) and _NUMBER.match(part.strip())
        if goes_on and not _TERM.match(part):
            parts[-1] += f",{part.strip()}"
        else:
            parts.append(part.strip())
    terms = []
    for part in filter(None, parts):
        found = _TERM.match(part)
        term = Term(found["name"], found["sign"], found["value"]) if found else Term("", "", part)
        if term.name and not term.value:
            raise Mistake(f"--filter {part}: a value is missing after {term.sign}")
        terms.append(term._replace(name=term.name.replace("-", "_")))
    return terms


def holds(term: Term, name: str, state: str, fields: Mapping[str, Any]) -> bool:
    """Whether a run meets a condition; a field that it does not have is met by nothing.

    Args:
        term: the condition.
        name: the run's name, in which a text without a sign is looked for.
        state: its state.
        fields: its config fields, and `seed`, `step`, `state` and the like.
    """
    if not term.name:
        return term.value == state if term.value in STATES else term.value.lower() in name.lower()
    if term.name not in fields:
        return False
    value = fields[term.name]
    # A population has several values of what it varies: any of them will do.
    several = value if isinstance(value, list) and term.value.count(",") == 0 else [value]
    return any(_compare(one, term) for one in several)


def _compare(value: Any, term: Term) -> bool:
    left, right = _number(value), _number(term.value)
    compare = _OPERATORS[term.sign]
    if left is not None and right is not None:
        return compare(left, right)
    if term.sign in ("=", "!="):
        return compare(spell(value).lower(), term.value.strip("()").replace(" ", "").lower())
    return False


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def check_terms(terms: Iterable[Term], fields: Iterable[str]) -> None:
    """Refuse a condition on a field that no run has, and one that cannot be compared.

    Raises:
        Mistake: with the nearest right names.
    """
    known = sorted(set(fields))
    for term in terms:
        if term.name and term.name not in known:
            near = did_you_mean(term.name, known)
            raise Mistake(f"--filter {term}: no run has {term.name}{near}")
        if term.sign in ("<", "<=", ">", ">=") and _number(term.value) is None:
            raise Mistake(
                f"--filter {term}: {term.sign} compares numbers, and {term.value} is none"
            )
        if term.name == "state" and term.value not in STATES:
            near = did_you_mean(term.value, STATES) or f"; there are {', '.join(STATES)}"
            raise Mistake(f"--filter {term}: there is no such state{near}")


def sorted_by(key: Callable[[Any], Any], rows: Sequence[Any], *, reverse: bool) -> list[Any]:
    """Rows by a key, equal ones as they were; those without a value come last either way."""
    keys = [key(row) for row in rows]
    lacking = [row for row, value in zip(rows, keys, strict=True) if _is_nothing(value)]
    there = [(value, row) for value, row in zip(keys, rows, strict=True) if not _is_nothing(value)]
    try:
        there.sort(key=lambda pair: pair[0], reverse=reverse)
    except TypeError:
        there.sort(key=lambda pair: str(pair[0]), reverse=reverse)
    return [row for _, row in there] + lacking


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
