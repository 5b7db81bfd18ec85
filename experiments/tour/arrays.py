"""Arrays as in NumPy, and where JAX's differ: each expression run by both, side by side.

Three tables of the report: what is the same, what differs, and what a compiled function cannot do.
Every row is computed by both libraries in the run. JAX's arrays cannot be changed (`.at[...]`
gives a new one); numbers are 32 bits wide, and stay so when types meet; an index past the end is
no error, it is moved to the end when read and dropped when written; random numbers come from keys
that are handed over; and within `jit` a shape cannot depend on values.

Run: python launch.py run tour/arrays
Expected: unexpected 0 (rows that are not as this page and `docs/tour.md` say), differ 28 of 43
Time: 3 s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Passages
from research.study import Findings, Study, spell_table
from research.tour.side_by_side import Case, ask


def change(xp: Any) -> Any:
    """An element is set in place."""
    x = xp.arange(3)
    x[0] = 9
    return x


def view(xp: Any) -> Any:
    """A slice is changed; what is seen of it in the whole."""
    x = xp.arange(3)
    part = x[:2]
    part += 100
    return x


def alias(xp: Any) -> Any:
    """Another name for the same array, after `+=`."""
    x = xp.arange(3)
    other = x
    x += 1
    return other


def add_twice(xp: Any) -> Any:
    """The first element is named twice."""
    x = xp.zeros(2)
    if xp is jnp:
        return x.at[np.array([0, 0])].add(1)
    x[np.array([0, 0])] += 1
    return x


def draw_twice(xp: Any) -> bool:
    """Whether two draws with nothing done between them are equal."""
    if xp is jnp:
        key = jax.random.key(0)
        return bool(jax.random.normal(key) == jax.random.normal(key))
    generator = np.random.default_rng(0)
    return bool(generator.normal() == generator.normal())


def draw_together(xp: Any) -> bool:
    """Whether three draws at once are three draws one by one, each with what it needs."""
    if xp is jnp:
        keys = jax.random.split(jax.random.key(0), 3)
        alone = jnp.stack([jax.random.normal(key) for key in keys])
        return bool((jax.random.normal(jax.random.key(0), (3,)) == alone).all())
    generator = np.random.default_rng(0)
    together = np.random.default_rng(0).normal(size=3)
    return bool(np.all(together == [generator.normal() for _ in range(3)]))


def int32(xp: Any, *numbers: int) -> Any:
    """An array of 32-bit integers."""
    return xp.asarray(numbers, xp.int32)


LARGEST = 2**31 - 1

SAME = (
    Case("arange(6).reshape(2, 3)", lambda xp: xp.arange(6).reshape(2, 3), True),
    Case("x[1:, ::-1]", lambda xp: xp.arange(6).reshape(2, 3)[1:, ::-1], True),
    Case("x[:, [0, 2]]", lambda xp: xp.arange(6).reshape(2, 3)[:, np.array([0, 2])], True),
    Case("x[x > 2]", lambda xp: xp.arange(6)[xp.arange(6) > 2], True),
    Case("[2, 3] + [2, 1] broadcast", lambda xp: (xp.ones((2, 3)) + xp.ones((2, 1))).shape, True),
    Case("sum(axis=0)", lambda xp: xp.arange(6).reshape(2, 3).sum(axis=0), True),
    Case("einsum('ij,kj->ik')", lambda xp: xp.einsum("ij,kj->ik", *[xp.eye(2)] * 2), True),
    Case("linalg.solve", lambda xp: xp.linalg.solve(2 * xp.eye(2), xp.ones(2)), True),
    Case("where(x > 1, x, 0)", lambda xp: xp.where(xp.arange(4) > 1, xp.arange(4), 0), True),
    Case("int8 + 1", lambda xp: (xp.ones(1, xp.int8) + 1).dtype, True),
    Case("uint8 + int8", lambda xp: (xp.ones(1, xp.uint8) + xp.ones(1, xp.int8)).dtype, True),
    Case("int32 array: 2147483647 + 1", lambda xp: int32(xp, LARGEST) + int32(xp, 1), True),
    Case("uint8 array: 0 - 1", lambda xp: xp.zeros(1, xp.uint8) - xp.ones(1, xp.uint8), True),
    Case("int32 array + 2**40", lambda xp: int32(xp, 1) + 2**40, True),
    Case("0.0 / 0", lambda xp: xp.zeros(1) / 0, True),
)

DIFFERENT = {
    "arrays cannot be changed": (
        Case("x[0] = 9", change),
        Case("x.at[0].set(9)", lambda xp: xp.arange(3).at[0].set(9)),
        Case("part = x[:2]; part += 100; x", view),
        Case("other = x; x += 1; other", alias),
        Case("x[[0, 0]] += 1, or .at[[0, 0]].add(1)", add_twice),
    ),
    "32 bits": (
        Case("ones(2).dtype", lambda xp: xp.ones(2).dtype),
        Case("arange(2).dtype", lambda xp: xp.arange(2).dtype),
        Case("asarray([1.5]).dtype", lambda xp: xp.asarray([1.5]).dtype),
        Case("ones(2, float64).dtype", lambda xp: xp.ones(2, np.float64).dtype),
        Case("asarray(2.0**24) + 1", lambda xp: f"{float(xp.asarray(2.0**24) + 1):.0f}"),
        Case("asarray(.1) + .2 == .3", lambda xp: bool(xp.asarray(0.1) + 0.2 == 0.3)),
        Case("asarray([2147483647]) + 1", lambda xp: xp.asarray([LARGEST]) + 1),
        Case("asarray([2**40])", lambda xp: xp.asarray([2**40])),
    ),
    "types that meet": (
        Case("int32 + float32", lambda xp: (int32(xp, 1) + xp.ones(1, xp.float32)).dtype),
        Case("int32 / int32", lambda xp: (int32(xp, 1) / int32(xp, 2)).dtype),
        Case("int32 + float16", lambda xp: (int32(xp, 1) + xp.ones(1, xp.float16)).dtype),
        Case("float32 * np.float64(2)", lambda xp: (xp.ones(1, xp.float32) * np.float64(2)).dtype),
        Case("sum of int8", lambda xp: xp.ones(200, xp.int8).sum().dtype),
        Case("sum([1, 2]), a list", lambda xp: xp.sum([1, 2])),
    ),
    "no error where a number is impossible": (
        Case("x[10] of 3", lambda xp: xp.arange(3)[10]),
        Case("x[[1, 10]] of 3", lambda xp: xp.arange(3)[np.array([1, 10])]),
        Case("x[-10] of 3", lambda xp: xp.arange(3)[np.array([-10])]),
        Case("x.at[10].set(9) of 3", lambda xp: xp.arange(3).at[10].set(9)),
        Case("x.at[10].get(mode='fill')", lambda xp: xp.ones(3).at[10].get(mode="fill")),
        Case("1 // 0", lambda xp: int32(xp, 1) // 0),
    ),
    "random numbers": (
        Case("two draws with one key, or generator, are equal", draw_twice),
        Case("three draws at once are three draws one by one", draw_together),
        Case("random.normal()", lambda xp: type(xp.random.normal()).__name__),
    ),
}

OF_TRACED: Sequence[tuple[str, Callable[[jax.Array], Any], str]] = (
    ("x * 2", lambda x: x * 2, "works"),
    ("reshape by x.shape", lambda x: x.reshape(1, x.shape[0]), "works"),
    ("where(x > 1, x, 0)", lambda x: jnp.where(x > 1, x, 0), "works"),
    ("nonzero(x, size=2)", lambda x: jnp.nonzero(x, size=2), "works"),
    ("x[i:i + 2] by dynamic_slice", lambda x: jax.lax.dynamic_slice(x, (x[0],), (2,)), "works"),
    ("x[x > 1]", lambda x: x[x > 1], "NonConcreteBooleanIndexError"),
    ("nonzero(x)", jnp.nonzero, "ConcretizationTypeError"),
    ("zeros(x[0])", lambda x: jnp.zeros(x[0]), "TypeError"),
    ("x[:x[0]]", lambda x: x[: x[0]], "IndexError"),
    ("if x[0] > 1", lambda x: 1 if x[0] > 1 else 2, "TracerBoolConversionError"),
    ("range(x[0])", lambda x: [*range(x[0])], "TracerIntegerConversionError"),
    ("float(x[0])", lambda x: float(x[0]), "ConcretizationTypeError"),
    ("np.sin(x)", lambda x: np.sin(x), "TracerArrayConversionError"),
)
"""What is written, what it computes of a traced int32 `[3]`, and what becomes of it."""


@dataclass(frozen=True)
class Arrays(Study):
    """Options: none."""

    @property
    def headline(self) -> str:
        """Rows that are not as expected."""
        return "unexpected"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Each row by both libraries."""
        del drawn, data
        answers = {"the same": [ask(case) for case in SAME]}
        answers |= {name: [ask(case) for case in cases] for name, cases in DIFFERENT.items()}
        rows = [answer for group in answers.values() for answer in group]
        traced = [(what, _compiled(run), expected) for what, run, expected in OF_TRACED]
        unexpected = [answer.case.what for answer in rows if answer.same != answer.case.same]
        unexpected += [what for what, found, expected in traced if found != expected]
        figures = {
            "unexpected": float(len(unexpected)),
            "rows": float(len(rows)),
            "differ": float(sum(not answer.same for answer in rows)),
            "refused_when_compiled": float(sum(found != "works" for _, found, _ in traced)),
        }
        head = ("", "NumPy", "JAX")
        tables = {
            name: spell_table(head, [(a.case.what, a.numpy, a.jax) for a in group])
            for name, group in answers.items()
        }
        both = Passages(
            "The same expressions by NumPy and by JAX",
            tuple(tables.values()),
            tuple(tables),
            f"Not as expected: {', '.join(unexpected)}." if unexpected else "",
        )
        compiled = Passages(
            "Within jit, where an array has a shape and no values",
            (spell_table(("of x, int32 [3]", "becomes"), [row[:2] for row in traced]),),
            note="What a shape or a branch depends on must be known when the program is made.",
        )
        return Findings(figures, {"side_by_side": both, "compiled": compiled})


def _compiled(run: Callable[[jax.Array], Any]) -> str:
    """`works`, or the error that the compiled function raises."""
    try:
        jax.jit(run)(jnp.arange(3))
    except Exception as error:
        return type(error).__name__
    return "works"


config = Arrays()
