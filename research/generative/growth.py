"""When adversarial nets grow, as a function of the step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.generative.adversarial_layers import double, halve

Stage = Mapping[str, Any]
"""What nets are given of their growth: `level`, an int, and `share`; of whole nets, nothing."""


class Growth(NamedTuple):
    """When nets grow.

    Attributes:
        starts: the steps at which each level but the first begins.
        fade_steps: in how many steps the layers of each of these are faded in.
    """

    starts: tuple[int, ...] = ()
    fade_steps: int = 1

    def at(self, step: jax.Array, function: Callable[[Stage], Any]) -> Any:
        """What the function of a stage gives at that of a step.

        Only this is computed, but in a population of which several are trained side by side.
        """
        if not self.starts:
            return function({})
        level = jnp.sum(step >= jnp.asarray(self.starts, jnp.int32))

        def of(at: int) -> Callable[[], Any]:
            if not at:
                return lambda: function({"level": 0})
            done = (step - self.starts[at - 1] + 1).astype(jnp.float32)
            share = jnp.minimum(1.0, done / self.fade_steps)
            return lambda: function({"level": at, "share": share})

        return jax.lax.switch(level, [of(at) for at in range(len(self.starts) + 1)])

    def begins(self, step: jax.Array) -> jax.Array:
        """Whether it is the first step of a level but the first."""
        return jnp.any(step == jnp.asarray(self.starts, jnp.int32))

    def blur(self, image: jax.Array, stage: Stage) -> jax.Array:
        """True images as made ones are: what is finer than the level below has its share alone."""
        if not stage.get("level"):
            return image
        times = len(self.starts) - stage["level"] + 1
        coarse = image
        for change in (halve, double):
            for _ in range(times):
                coarse = change(coarse)
        share = stage["share"]
        return share * image + (1 - share) * coarse
