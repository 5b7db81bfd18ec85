"""What compiling gains: operations before and after, bits before and after, and times beside them.

Without `jit` each operation of a function is a program of its own that reads and writes memory.
The compiler fuses them, removes what nobody uses and computes constants beforehand. Four functions
are counted: a chain of operations on each number, the prediction of `tour/custom_parts` for 512
districts, an update of it by 32, and a function half of which is not used. `.../equations` is how
many operations are dispatched one by one without `jit`, `.../kernels` how many are left, and
`.../different` how many numbers of the result are not the same to the bit: fused operations round
less often. Times are in the report and in no figure: they follow the machine.

Run: python launch.py run tour/compilation
Expected: equations to kernels: chain 12 to 1, prediction 28 to 10, update 137 to 28
    (update/fewer 4.9); removed 1
Time: 4 s
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from experiments.tour.custom_parts import apply, init, penalty, project
from research.data.districts import FEATURES
from research.engine.artifacts import Passages
from research.engine.experiment import Key
from research.options.ranges import COUNT
from research.study import Findings, Study, spell_table
from research.tour.counting import compile_counted
from research.tour.losses import huber
from research.tour.optimizers import momentum

DISTRICTS = 512
BATCH = 32


class Drawn(NamedTuple):
    """What the functions are called with.

    Attributes:
        params: of the net.
        x: `[DISTRICTS, features]`.
        y: `[DISTRICTS]`.
        numbers: `[numbers]`.
    """

    params: Any
    x: jax.Array
    y: jax.Array
    numbers: jax.Array


def chain(x: jax.Array) -> jax.Array:
    """Ten operations on each number by itself."""
    for _ in range(3):
        x = x + 0.1 * jnp.sin(x) * x
    return x


def half_unused(x: jax.Array) -> jax.Array:
    """A sum, and a product of matrices that nobody looks at."""
    product = x @ x.T
    del product
    return jnp.sum(x)


def half_missing(x: jax.Array) -> jax.Array:
    """The same without it."""
    return jnp.sum(x)


def update(params: Any, memory: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any]:
    """A step of momentum down Huber's loss with the penalty, then the projection."""

    def loss(params: Any) -> jax.Array:
        return jnp.mean(huber(apply(params, x), y)) + penalty(params, {"penalty": jnp.float32(0.1)})

    changes, memory = momentum(0.01, 0.9).update(jax.grad(loss)(params), memory)
    return project(jax.tree.map(jnp.add, params, changes)), memory


@dataclass(frozen=True)
class Compilation(Study):
    """Options."""

    numbers: Annotated[int, "numbers that the chain is computed of", COUNT] = 1_000_000
    repeats: Annotated[int, "times that each function is timed", COUNT] = 20

    @property
    def headline(self) -> str:
        """Operations of an update over those that are left."""
        return "update/fewer"

    def smoke(self) -> Self:
        """Few numbers, timed twice."""
        return replace(self, numbers=1000, repeats=2)

    def draw(self, key: Key) -> Drawn:
        """A net, districts and numbers."""
        first, second, third, fourth = jax.random.split(key, 4)
        return Drawn(
            init(first, 30),
            jax.random.normal(second, (DISTRICTS, len(FEATURES))),
            jax.random.normal(third, (DISTRICTS,)),
            jax.random.normal(fourth, (self.numbers,)),
        )

    def find(self, drawn: Drawn, data: Mapping[str, Any]) -> Findings:
        """Counts, and times for the report."""
        del data
        drawn = jax.device_put(drawn)
        memory = jax.tree.map(jnp.ones_like, drawn.params)
        functions: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
            "chain": (chain, (drawn.numbers,)),
            "prediction": (apply, (drawn.params, drawn.x)),
            "update": (update, (drawn.params, memory, drawn.x[:BATCH], drawn.y[:BATCH])),
            "unused": (half_unused, (drawn.x,)),
        }
        figures: dict[str, float] = {}
        counts, times = [], []
        for name, (function, arguments) in functions.items():
            compiled = compile_counted(function, *arguments)
            one_by_one, fused = function(*arguments), compiled.call(*arguments)
            found = {
                "equations": compiled.equations,
                "kernels": compiled.kernels,
                "different": different(one_by_one, fused),
            }
            figures |= {f"{name}/{what}": float(value) for what, value in found.items()}
            counts.append((name, *found.values(), numbers_of(fused), apart(one_by_one, fused)))
            slow = best_time(function, arguments, self.repeats)
            fast = best_time(compiled.call, arguments, self.repeats)
            shown = (1e6 * slow, 1e6 * fast, slow / fast)
            times.append((name, *(float(round(each, 1)) for each in shown)))
        figures["update/fewer"] = figures["update/equations"] / figures["update/kernels"]
        without = compile_counted(half_missing, drawn.x)
        with_unused = compile_counted(half_unused, drawn.x)
        figures["removed"] = float(with_unused.operations == without.operations)
        texts = (
            spell_table(
                ("", "equations", "kernels", "numbers that differ", "of", "at most by"), counts
            ),
            spell_table(("", "µs one by one", "µs compiled", "gain"), times),
            f"floating-point operations of `unused`: {with_unused.operations:.0f}; "
            f"without the product: {without.operations:.0f}; "
            f"the product alone: {2 * DISTRICTS**2 * len(FEATURES)}",
        )
        captions = (
            "counted",
            "timed on this machine, the fastest of some calls",
            "what nobody uses is removed",
        )
        passages = Passages("Before and after the compiler", texts, captions)
        return Findings(figures, {"compiled": passages})


def best_time(function: Callable[..., Any], arguments: tuple[Any, ...], repeats: int) -> float:
    """Seconds of the fastest of some calls, waited for: JAX returns before it has computed."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        best = min(best, time.perf_counter() - started)
    return best


def different(left: Any, right: Any) -> int:
    """Numbers of two pytrees that differ in any bit."""
    pairs = zip(*map(jax.tree.leaves, jax.device_get((left, right))), strict=True)
    return int(
        sum((ours.view(np.uint32) != theirs.view(np.uint32)).sum() for ours, theirs in pairs)
    )


def apart(left: Any, right: Any) -> float:
    """The largest difference of two pytrees."""
    return float(max(np.abs(ours - theirs).max() for ours, theirs in _pairs(left, right)))


def _pairs(left: Any, right: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return zip(*map(jax.tree.leaves, jax.device_get((left, right))), strict=True)


def numbers_of(tree: Any) -> int:
    """How many numbers a pytree has."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


config = Compilation()
