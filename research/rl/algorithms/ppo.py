"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), environments included.

Every environment is played for some steps. Then policy π and value function V learn from these
steps, in minibatches, several times over: with r = π(a|s) / π_old(a|s) and generalised advantages
A, normalised over a minibatch, each gradient step is one against the mean of

    -min(r A, clip(r, 1 - ε, 1 + ε) A) + value_weight (V(s) - V_target)²
        - entropy_weight H(π(·|s)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Experiment, Hyperparameters, Key
from research.engine.groups import of_all_groups
from research.engine.metrics import Metrics
from research.optimization.descent import Trained
from research.options.ranges import POSITIVE, Since
from research.rl import losses
from research.rl.advantages import Examples, Learner, memoryless_learner
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment
from research.rl.network import ActingNetwork, make_network
from research.rl.on_policy import (
    ActorCritic,
    ActorCriticState,
    Minibatches,
    learn_in_minibatches,
    make_actor_critic,
    remaining_share,
)


@dataclass(frozen=True)
class PPO(ActorCritic, Minibatches):
    """Options of proximal policy optimisation."""

    clip_range: Annotated[
        float, "probability ratios are clipped this far from 1, at the start", POSITIVE
    ] = 0.2
    clip_values: Annotated[bool, "clip changes of values by --clip-range, too", Since(False)] = (
        False
    )

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), units=16)

    def make(self) -> Experiment:
        """PPO in the chosen environment."""
        return make_ppo(make_environment(self.environment), self)


MINATAR = PPO(
    environment_steps=10_000_000,
    environments=64,
    rollout_steps=128,
    minibatch_size=1024,
    units=128,
    layers=1,
    channels=16,
    anneal=True,
    entropy_weight=0.01,
)
"""Settings for screens of 10 x 10 cells, the same for every game."""


ADAM = optax.scale_by_adam(eps=1e-5)
"""Kingma & Ba 2015 (arXiv 1412.6980)."""


def make_ppo(environment: Environment, config: PPO) -> Experiment:
    """PPO in `environment` of a policy without memory."""
    network = make_network(environment, config.hidden, config.channels)
    return make_proximal(environment, config, memoryless_learner(network))


def make_proximal(environment: Environment, config: PPO, learner: Learner) -> Experiment:
    """PPO in `environment` of any policy and value function: an update is a rollout and `learn`."""
    steps = partial(learn, learner.network, config)
    return make_actor_critic(environment, config, learner, ADAM, steps)


def learn(
    network: ActingNetwork, config: PPO, state: ActorCriticState, examples: Examples, key: Key
) -> tuple[Trained, Metrics]:
    """All gradient steps on one rollout, as `learn_in_minibatches` has them."""
    values = state.hyperparameters
    clip_range = remaining_share(config, state.updates) * values["clip_range"]
    if not config.clip_values:
        examples = examples._replace(value=None)

    def normalise(minibatch: Examples) -> Examples:
        # Over all groups: what is a good action does not depend on who else shares its group.
        advantage = of_all_groups(lambda: losses.normalise(minibatch.advantage), config.groups, key)
        return minibatch._replace(advantage=advantage)

    return learn_in_minibatches(
        config,
        state,
        examples,
        lambda params, part: ppo_loss(network, params, part, clip_range, values),
        ADAM,
        key,
        normalise,
    )


def ppo_loss(
    network: ActingNetwork,
    params: Any,
    examples: Examples,
    clip_range: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective on one minibatch, or on one group of it, and its parts, scalars by name.

    Of several values `[batch, values]` the errors count as their mean.

    Args:
        network: policy and value function.
        params: its parameters.
        examples: leaves `[batch, ...]`, advantages as they should count: normalised; where they
            hold `value`, the error of the value function is `losses.clipped_value_error`.
        clip_range: ε, scalar.
        hyperparameters: `value_weight` and `entropy_weight`.

    Source: Schulman et al. 2017 (arXiv 1707.06347), eq. 9, negated.
    """
    dist, value = network.apply(params, examples.observation)
    log_ratio = dist.log_probability(examples.action) - examples.log_probability
    surrogate = losses.clipped_surrogate(log_ratio, examples.advantage, clip_range)
    policy_loss = jnp.mean(surrogate)
    if examples.value is None:
        error = losses.value_error(value, examples.target)
    else:
        error = losses.clipped_value_error(value, examples.target, examples.value, clip_range)
    value_loss = jnp.mean(error)
    entropy = jnp.mean(dist.entropy())
    loss = (
        policy_loss
        + hyperparameters["value_weight"] * value_loss
        - hyperparameters["entropy_weight"] * entropy
    )
    return loss, {
        "loss": loss,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approximate_kl": jnp.mean(losses.approximate_kl(log_ratio)),
    }
