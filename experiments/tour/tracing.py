"""Tracing counted: which calls of a compiled function run its Python again, and what that does.

A function under `jit` is run once in Python with stand-ins for its arrays, and what they went
through is compiled; later calls run the compiled program alone. It is traced again for another
dtype, shape, structure, static value or function. Each row of the first table makes its calls and
counts the traces. The second shows what follows for side effects: they happen while tracing, and
what was read then is built in. The third counts equations: a Python loop is unrolled, `fori_loop`
is not. The last cuts a run of Encore into slices: its update is compiled once.

Run: python launch.py run tour/tracing
Expected: unexpected 0 (rows that are not as the tables say they should be), rows 26
Time: 3 s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.data.feed import open_feed
from research.engine.artifacts import Lines, Passages
from research.engine.experiment import Experiment
from research.engine.program import Program
from research.study import Findings, Study, spell_table
from research.tour.counting import Counted, equations

LENGTHS = (1, 2, 4, 8, 16, 32)
"""Turns of the loops."""


class Row(NamedTuple):
    """What was done, and what it should come to.

    Attributes:
        counted: what was counted, or a value that was returned.
    """

    what: str
    expected: float
    counted: float


def double(x: Any) -> Any:
    """2 x, of arrays in any structure."""
    return jax.tree.map(lambda leaf: 2 * leaf, x)


def traces(*calls: Any, function: Callable[[Any], Any] = double) -> float:
    """How often a function is traced when it is called with one of these after the other."""
    counted = Counted(function)
    compiled = jax.jit(counted)
    for each in calls:
        compiled(each)
    return float(counted.runs)


def static_traces(*values: int) -> float:
    """Of a function whose exponent is static, so part of the program."""
    counted = Counted(lambda x, exponent: x**exponent)
    compiled = jax.jit(counted, static_argnums=1)
    for value in values:
        compiled(1.5, value)
    return float(counted.runs)


def lambda_traces(calls: int) -> float:
    """Of a function that is made anew for each call."""
    counted = Counted(double)
    for _ in range(calls):
        jax.jit(lambda x: counted(x))(1.0)
    return float(counted.runs)


def gradient_traces(*calls: float) -> float:
    """Of a function whose gradient is compiled."""
    counted = Counted(lambda x: x**2)
    compiled = jax.jit(jax.grad(counted))
    for each in calls:
        compiled(each)
    return float(counted.runs)


def branch_traces() -> float:
    """Of the two branches of a condition, one of which is taken."""
    left, right = Counted(jnp.sin), Counted(jnp.cos)
    jax.jit(lambda x: jax.lax.cond(x > 0, left, right, x))(1.0)
    return float(left.runs + right.runs)


def retraces() -> list[Row]:
    """Calls of one compiled function, and how often they trace it."""
    three, four = jnp.ones(3), jnp.ones(4)
    return [
        Row("f(1.0), f(2.0): another value", 1, traces(1.0, 2.0)),
        Row("f(1), f(2): a Python integer is traced, too", 1, traces(1, 2)),
        Row("f(1.0), f(1): another dtype", 2, traces(1.0, 1)),
        Row("f(1.0), f(float32 array): a number is weakly typed", 2, traces(1.0, jnp.float32(1))),
        Row("f([3]), f([3]), f([4]): another shape", 2, traces(three, three, four)),
        Row("f(NumPy [3]), f(JAX [3])", 1, traces(np.ones(3, np.float32), three)),
        Row("f((x, x)), f([x, x]): another structure", 2, traces((three, three), [three, three])),
        Row("f({'a': x}), f({'b': x}): other names", 2, traces({"a": three}, {"b": three})),
        Row("static n: 2, 3, 2, 3", 2, static_traces(2, 3, 2, 3)),
        Row("jit(lambda ...) written anew in each of 4 calls", 4, lambda_traces(4)),
        Row("20 shapes, [1] to [20]: each is compiled", 20,
            traces(*(np.ones(n, np.float32) for n in range(1, 21)))),
        Row("the same 20, padded to [20] and cut by a mask", 1,
            traces(*(np.arange(20) < n for n in range(1, 21)), function=jnp.sum)),
        Row("both branches of lax.cond are traced", 2, branch_traces()),
        Row("grad(f)(1.0), grad(f)(2.0): f, for value and gradient", 1, gradient_traces(1.0, 2.0)),
    ]  # fmt: skip


def effects() -> list[Row]:
    """Side effects of a function that is compiled and called five times."""
    appended: list[Any] = []
    called: list[Any] = []
    settings = {"factor": 1.0}
    generator = np.random.default_rng(0)

    def function(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        appended.append(x)
        jax.debug.callback(called.append, x)
        return settings["factor"] * x, x + generator.random()

    compiled = jax.jit(function)
    results = []
    for turn in range(5):
        settings["factor"] = turn + 1.0
        results.append(jax.device_get(compiled(1.0)))
    jax.effects_barrier()
    factors, noise = (
        len({float(number) for number in each}) for each in zip(*results, strict=True)
    )
    return [
        Row("list.append runs while tracing alone", 1, len(appended)),
        Row("what was appended is a stand-in, not a number", 1, _is_tracer(appended[0])),
        Row("jax.debug.callback runs in each call", 5, len(called)),
        Row("values that a changed global has in five calls", 1, factors),
        Row("values that NumPy's generator has in five calls", 1, noise),
        Row("values of jax.random with a key for each call", 5, _drawn(5)),
    ]


def _is_tracer(value: Any) -> float:
    return float(isinstance(value, jax.core.Tracer))


def _drawn(calls: int) -> int:
    draw = jax.jit(lambda step: jax.random.normal(jax.random.fold_in(jax.random.key(0), step)))
    return len({float(draw(step)) for step in range(calls)})


def unrolled(turns: int) -> Callable[[jax.Array], jax.Array]:
    """sin, so many times, by a loop of Python's."""

    def function(x: jax.Array) -> jax.Array:
        for _ in range(turns):
            x = jnp.sin(x)
        return x

    return function


def rolled(turns: int) -> Callable[[jax.Array], jax.Array]:
    """The same by a loop of the program's."""
    return lambda x: jax.lax.fori_loop(0, turns, lambda _, x: jnp.sin(x), x)


def loop_rows(sizes: Sequence[Sequence[int]]) -> list[Row]:
    """`sizes` has the equations of both kinds for each of `LENGTHS`."""
    bound = Counted(lambda x, turns: jax.lax.fori_loop(0, turns, lambda _, x: jnp.sin(x), x))
    compiled = jax.jit(bound)
    for turns in LENGTHS:
        compiled(1.0, turns)
    by_python, by_loop = sizes
    return [
        Row(f"equations of {LENGTHS[-1]} turns of Python's for", LENGTHS[-1], by_python[-1]),
        Row("numbers of equations that fori_loop has, over all lengths", 1, len({*by_loop})),
        Row("traces of a loop whose length is an argument, six lengths", 1, bound.runs),
    ]


def engine_rows() -> list[Row]:
    """A run of 1,000 steps in slices of many lengths, as checkpoints and evaluations cut it."""
    update = Counted(lambda state, batch, key: (state + jax.random.normal(key), {}))
    whole = Experiment(
        init=lambda key, values: jnp.float32(0.0),
        update=update,
        evaluate=lambda state, batch, key: {},
        steps=1000,
        items_per_step=1,
        items="steps",
    )
    program = Program(whole, open_feed(None))

    def run(*bounds: int) -> float:
        carry = program.initial(0)
        for start, stop in pairwise(bounds):
            carry = program.advance(carry, (), start, stop, fresh=False, halt=True)
        return float(carry.state)

    found = {run(0, 1000), run(0, 1, 7, 500, 1000), run(0, *range(100, 1001, 100))}
    return [
        Row(
            "compilations of the loop, 15 slices of six lengths",
            1,
            program.compilations["advance"],
        ),
        Row("traces of `update` for all of them", 1, update.runs),
        Row("results of three ways to cut the run", 1, len(found)),
    ]


@dataclass(frozen=True)
class Tracing(Study):
    """Options: none."""

    @property
    def headline(self) -> str:
        """Rows that are not as expected."""
        return "unexpected"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """Counts."""
        del drawn, data
        x = jnp.float32(1.0)
        sizes = [[equations(make(n), x) for n in LENGTHS] for make in (unrolled, rolled)]
        groups = {
            "traces of a function": retraces(),
            "side effects": effects(),
            "loops": loop_rows(sizes),
            "a run of Encore": engine_rows(),
        }
        rows = [row for group in groups.values() for row in group]
        wrong = [row.what for row in rows if row.counted != row.expected]
        passages = Passages(
            "Counted",
            tuple(
                spell_table(
                    ("", "should be", "is"), [(r.what, r.expected, r.counted) for r in group]
                )
                for group in groups.values()
            ),
            tuple(groups),
            f"Not as expected: {'; '.join(wrong)}." if wrong else "",
        )
        lines = Lines(
            "Equations of a traced loop",
            np.array(LENGTHS, float),
            np.array(sizes, float)[None],
            ("Python's for", "fori_loop"),
            "turns of the loop",
        )
        figures = {
            "unexpected": float(len(wrong)),
            "rows": float(len(rows)),
            "unrolled/equations": float(sizes[0][-1]),
            "rolled/equations": float(sizes[1][-1]),
            "engine/compilations": float(groups["a run of Encore"][0].counted),
        }
        return Findings(figures, {"counted": passages, "loops": lines})


config = Tracing()
