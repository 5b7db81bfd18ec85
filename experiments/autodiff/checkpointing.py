"""Memory against time: the gradient through 1,000 steps of a recurrent net with few states kept.

Reverse mode needs every state again, from the last to the first. One that was not kept is computed
again from one before it that was. Keeping every √n-th computes each step once more; the binomial
schedule (Griewank and Walther 2000, "revolve") computes as few steps as can be with s states kept:
r n - C(s + r, s + 1) beside those that are reversed, with the least r for which C(s + r, s) ≥ n,
which is `theory` in the report. Whatever the schedule, the gradient is the same to the bit
(`different_numbers`). The loss is that of the last state, in float64. `unlike_jax` is how many
numbers are off from JAX's gradient by more than 1e-9 of the largest; 5.6e-16 was measured.

Run: python launch.py run autodiff/checkpointing
Expected: different_numbers 0, unlike_jax 0; computed_per_step 2.00 with all 1,000 states kept, 2.96
    with every √n-th (62 kept), 3.47 with 30 and 4.64 with 10 by the binomial schedule
Time: 2 s
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.autodiff import functions as fn
from research.autodiff.checkpointing import (
    Action,
    Reversed,
    binomial,
    differentiate,
    every_root,
    fewest_advances,
    keep_all,
)
from research.autodiff.reverse import vjp
from research.autodiff.trees import leaves
from research.engine.artifacts import Lines
from research.engine.experiment import Key
from research.options.ranges import COUNT, STEPS
from research.study import Findings, Study

SNAPSHOTS = (3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200)
OTHERS = {"every_root": "every √n-th", "keep_all": "all"}
"""Schedules that are not binomial, and what a report calls them."""
Params = dict[str, Any]


@dataclass(frozen=True)
class Checkpointing(Study):
    """Options."""

    steps: Annotated[int, "steps of the recurrence", STEPS] = 1000
    units: Annotated[int, "numbers in a state", COUNT] = 64

    @property
    def headline(self) -> str:
        """Numbers of the gradients that are not those of keeping all."""
        return "different_numbers"

    def smoke(self) -> Self:
        """Fifty steps of a small net."""
        return replace(self, steps=50, units=8)

    def draw(self, key: Key) -> Params:
        """The recurrent weights, the input's, and the biases."""
        recurrent, entering = jax.random.split(key)
        return {
            "recurrent": jax.random.normal(recurrent, (self.units, self.units)) / self.units**0.5,
            "input": jax.random.normal(entering, (self.units,)),
            "bias": jnp.zeros(self.units),
        }

    def find(self, drawn: Params, data: Mapping[str, Any]) -> Findings:
        """Gradients by every schedule, and what each kept and computed."""
        del data
        params = {name: value.astype(float) for name, value in drawn.items()}

        def run(schedule: Iterator[Action]) -> Reversed:
            return differentiate(step, step_vjp, loss, params, np.zeros(self.units), schedule)

        whole, rooted = run(keep_all(self.steps)), run(every_root(self.steps))
        found = {"keep_all": whole, "every_root": rooted}
        for count in sorted({*SNAPSHOTS, rooted.kept}):
            found[f"binomial_{count}"] = run(binomial(count, self.steps))
        figures = {
            "different_numbers": float(sum(different(whole, each) for each in found.values())),
            "unlike_jax": float(self.unlike_jax(params, whole)),
        }
        for name in ("keep_all", "every_root", "binomial_10", "binomial_30"):
            figures[f"{name}/kept"] = float(found[name].kept)
            figures[f"{name}/computed_per_step"] = self.computed(found[name])
        return Findings(figures, {"costs": self.show(found)})

    def computed(self, run: Reversed) -> float:
        """How often a step was computed, in the mean, once with its vjp included."""
        return 1 + run.advances / self.steps

    def unlike_jax(self, params: Params, ours: Reversed) -> int:
        """How many numbers are off from JAX's by 1e-9 of the largest of their array."""

        def of(params: Params) -> jax.Array:
            def advance(state: jax.Array, number: jax.Array) -> tuple[jax.Array, None]:
                entering = jnp.sin(0.1 * number) * params["input"]
                return jnp.tanh(params["recurrent"] @ state + entering + params["bias"]), None

            last, _ = jax.lax.scan(advance, jnp.zeros(self.units), jnp.arange(self.steps))
            return 0.5 * jnp.sum(last**2)

        with jax.enable_x64(True):
            theirs = jax.device_get(jax.jit(jax.grad(of))(params))
        return sum(
            int(
                np.sum(np.abs(theirs[name] - ours.params[name]) > 1e-9 * np.abs(theirs[name]).max())
            )
            for name in params
        )

    def show(self, found: Mapping[str, Reversed]) -> Lines:
        """Steps computed by states kept: of the binomial schedules and of the others."""
        kept = sorted({run.kept for run in found.values()})
        lines = {
            name: np.full(len(kept), np.nan) for name in ("theory", "binomial", *OTHERS.values())
        }
        for name, run in found.items():
            place = kept.index(run.kept)
            lines[OTHERS.get(name, "binomial")][place] = self.computed(run)
            if name not in OTHERS:
                lines["theory"][place] = 1 + fewest_advances(self.steps, run.kept) / self.steps
        return Lines(
            f"Computing again instead of keeping, {self.steps:,} steps",
            np.log10(kept),
            np.array(list(lines.values()))[None],
            tuple(lines),
            "log₁₀ of the states kept",
            ("times each step is computed",),
            f"A state is {self.units} numbers.",
        )


def step(params: Params, state: Any, number: int) -> Any:
    """tanh(W x + u sin(i / 10) + b), a state `[units]` later."""
    entering = np.sin(0.1 * number) * params["input"]
    return fn.tanh(params["recurrent"] @ state + entering + params["bias"])


def step_vjp(
    params: Params, state: Any, number: int
) -> tuple[Any, Callable[[Any], tuple[Params, Any]]]:
    """A step and its pullback, by the tape."""
    names = tuple(params)
    following, pull = vjp(
        lambda state, *values: step(dict(zip(names, values, strict=True)), state, number),
        state,
        *params.values(),
    )

    def pullback(cotangent: Any) -> tuple[Params, Any]:
        of_state, *of_params = pull(cotangent)
        return dict(zip(names, of_params, strict=True)), of_state

    return following, pullback


def loss(state: np.ndarray) -> tuple[float, np.ndarray]:
    """Half the squared length of the last state, and its gradient."""
    return 0.5 * float(np.sum(state**2)), state


def different(one: Reversed, other: Reversed) -> int:
    """How many numbers of two gradients differ in any bit."""
    pairs = zip(leaves((one.params, one.start)), leaves((other.params, other.start)), strict=True)
    return sum(int(np.sum(a.view(np.int64) != b.view(np.int64))) for (_, a), (_, b) in pairs)


config = Checkpointing()
