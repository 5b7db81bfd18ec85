"""Tree search with a model, as MuZero plans: from a state to an improved policy and its value.

The search is Gumbel MuZero's (Danihelka et al. 2022, "Policy improvement by planning with Gumbel"),
as the library mctx has it: actions at the root by sequential halving, elsewhere as the improved
policy of a node asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Key
from research.rl.distributions import Categorical
from research.rl.learned_model import Prediction

Model = Callable[[jax.Array, jax.Array], tuple[jax.Array, Prediction]]
"""(latent `[batch, ...]`, action int32 `[batch]`) -> rewards `[batch]`, and the prediction
for the next states.

Where a process has ended, it goes on with rewards and values of 0.
"""


class SearchResult(NamedTuple):
    """The result of a search; a distribution of actions, as `Policy.act` gives it.

    Attributes:
        action: int32 `[...]`, the best of the actions that were visited most.
        pi: the improved policy π, `softmax(logits + σ(Q))`, with float32 `[..., actions]`.
        nu: float32 `[...]`, the value ν of that policy: the mean over the actions that were tried.
    """

    action: jax.Array
    pi: Categorical
    nu: jax.Array

    def mode(self) -> jax.Array:
        """The action that the search chose."""
        return self.action

    def sample(self, noise: jax.Array) -> jax.Array:
        """Of the improved policy."""
        return self.pi.sample(noise)

    def probability(self) -> jax.Array:
        """Of the improved policy."""
        return self.pi.probability()

    def log_probability(self, action: jax.Array) -> jax.Array:
        """Of the improved policy."""
        return self.pi.log_probability(action)

    def entropy(self) -> jax.Array:
        """Of the improved policy."""
        return self.pi.entropy()


def search(
    root: Prediction,
    model: Model,
    key: Key,
    discount: jax.Array | float,
    simulations: int,
    gumbel_scale: jax.Array | float,
    value_scale: jax.Array | float,
) -> SearchResult:
    """Grows a tree from each of several states.

    Args:
        root: the prediction for these states.
        model: predicts what their actions lead to.
        key: for Gumbel's noise; nothing else is drawn.
        discount: weight of the next state's value.
        simulations: nodes that are added to each tree.
        gumbel_scale: 1 to try actions as the policy would draw them, without replacement; 0 to
            draw nothing, so that the result is the same each time.
        value_scale: c of σ(Q) = c (50 + the most visits of an action) Q. Values are taken as they
            are: put between 0 and 1 in each state, as is the custom, differences that are nothing
            but errors would weigh as much as true ones, and a policy that has not been paid yet
            would no longer try everything.

    Source: Danihelka et al. 2022 (ICLR), algorithm 2, eqs 7, 10, 11 and 33.
    """
    import mctx

    def step(
        params: None, key: Key, action: jax.Array, latent: jax.Array
    ) -> tuple[mctx.RecurrentFnOutput, jax.Array]:
        del params, key
        reward, after = model(latent, action)
        output = mctx.RecurrentFnOutput(
            reward=reward,
            discount=jnp.full_like(reward, discount),
            prior_logits=after.logits,
            value=after.value,
        )
        return output, after.latent

    found = mctx.gumbel_muzero_policy(
        None,
        # As plain bits: a loop of mctx keeps, for the trees that it is done with, a key which it
        # has split and uses no more. A check of keys would take that for a second use.
        jax.random.key_data(key),
        mctx.RootFnOutput(prior_logits=root.logits, value=root.value, embedding=root.latent),
        step,
        simulations,
        qtransform=partial(
            mctx.qtransform_completed_by_mix_value, value_scale=value_scale, rescale_values=False
        ),
        gumbel_scale=gumbel_scale,
    )
    # Logarithms of probabilities that have rounded to 0 would not be finite.
    logits = jnp.log(jnp.maximum(found.action_weights, 1e-30))
    # The root's mean over simulations is that of halving, which tries all actions alike at first.
    tree = found.search_tree.summary()
    weight = jnp.where(tree.visit_counts > 0, found.action_weights, 0.0) + 1e-30
    nu = jnp.sum(weight * tree.qvalues, axis=-1) / jnp.sum(weight, axis=-1)
    return SearchResult(found.action.astype(jnp.int32), Categorical(logits), nu)
