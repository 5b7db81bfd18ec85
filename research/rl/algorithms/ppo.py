"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), environments included.

Every environment is played for some steps. Then policy π and value function V learn from these
steps, in minibatches, several times over: with r = π(a|s) / π_old(a|s) and generalised advantages
A, normalised over a minibatch, each gradient step is one against the mean of

    -min(r A, clip(r, 1 - ε, 1 + ε) A) + value_weight (V(s) - V_target)²
        - entropy_weight H(π(·|s)).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import of_all_groups
from research.engine.metrics import Metrics, mean
from research.optimization.descent import Trained
from research.optimization.optimizers import with_learning_rate
from research.options.ranges import POSITIVE, Since
from research.rl import losses
from research.rl.advantages import Examples, Learner, memoryless_learner
from research.rl.environments.environment import Environment
from research.rl.environments.registered import make_environment
from research.rl.environments.wrappers import clip_actions
from research.rl.minibatches import descend_over_minibatches, shuffled_minibatches
from research.rl.network import ActingNetwork, make_network
from research.rl.on_policy import (
    ActorCritic,
    ActorCriticState,
    Experience,
    Minibatches,
    Rollout,
    begin_actor_critic,
    make_on_policy,
    play,
    policy_of,
    remaining_share,
)
from research.rl.policy import Agent, Policy


@dataclass(frozen=True)
class PPO(ActorCritic, Minibatches):
    """Options of proximal policy optimisation."""

    clip_range: Annotated[float, "how far a probability ratio counts, at the start", POSITIVE] = 0.2
    clip_values: Annotated[
        bool, "a value's change counts as far as --clip-range, too", Since(False)
    ] = False

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


def make_ppo(environment: Environment, config: PPO) -> Experiment:
    """PPO in `environment` of a policy without memory; see `make_proximal`."""
    learner = memoryless_learner(make_network(environment, config.hidden, config.channels))
    return make_proximal(environment, config, learner)


def make_proximal(environment: Environment, config: PPO, learner: Learner) -> Experiment:
    """PPO in `environment`: one update is one rollout and all gradient steps on it.

    Vectors beyond the bounds of actions are clipped to them by the environment; the policy learns
    from what it drew.

    Args:
        environment: to act in.
        config: the options.
        learner: the policy and value function.
    """
    environment = clip_actions(environment)

    def init(key: Key, hyperparameters: Hyperparameters) -> ActorCriticState:
        return begin_ppo(environment, config, learner, key, hyperparameters)

    def policy(state: ActorCriticState) -> Policy:
        return policy_of(learner, state)

    def update(state: ActorCriticState, batch: Batch, key: Key) -> tuple[ActorCriticState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)

        def learn_from(rollout: Rollout) -> Experience:
            memory, values = rollout.before.memory, state.hyperparameters
            examples = learner.make_examples(state.params, memory, rollout.normalised, values)
            return Experience(examples, {})

        after, made = play(environment, config, policy(state), state, learn_from, rollout_key)
        trained, metrics = learn(learner.network, config, state, made.examples, shuffle_key)
        after = after._replace(**trained._asdict(), updates=state.updates + 1)
        return after, metrics | made.metrics

    return make_on_policy(config, Agent(environment, policy), init, update)


def begin_ppo(
    environment: Environment,
    config: PPO,
    learner: Learner,
    key: Key,
    hyperparameters: Hyperparameters,
) -> ActorCriticState:
    """The state before the first update."""
    transformation = _transformation(hyperparameters)
    return begin_actor_critic(environment, config, learner, transformation, key, hyperparameters)


def learn(
    network: ActingNetwork, config: PPO, state: ActorCriticState, examples: Examples, key: Key
) -> tuple[Trained, Metrics]:
    """All gradient steps on one rollout.

    Args:
        network: policy and value function.
        config: the options.
        state: whose parameters learn.
        examples: leaves `[groups, batch / groups, ...]`, of one step each or of whole rollouts.
        key: for the order of the minibatches.

    Returns:
        Parameters and the optimiser's state, and means over all gradient steps.
    """
    hyperparameters = state.hyperparameters
    remaining = remaining_share(config, state.updates)
    clip_range = remaining * hyperparameters["clip_range"]
    if not config.clip_values:
        examples = examples._replace(value=None)

    def normalise(minibatch: Examples) -> Examples:
        # Over all groups: what is a good action does not depend on who else shares its group.
        advantage = of_all_groups(lambda: losses.normalise(minibatch.advantage), config.groups, key)
        return minibatch._replace(advantage=advantage)

    chosen = None  # a pass of one minibatch has no order
    if config.minibatch_size != config.rollout_size:
        rows = config.groups * examples.advantage.shape[1]
        size = config.minibatch_size * rows // config.rollout_size
        chosen = shuffled_minibatches(key, rows, size, config.epochs, config.groups)
    rate = remaining * hyperparameters["learning_rate"]
    trained, parts = descend_over_minibatches(
        lambda params, part: ppo_loss(network, params, part, clip_range, hyperparameters),
        Trained(state.params, state.opt_state),
        with_learning_rate(_transformation(hyperparameters), rate),
        config.groups,
        examples,
        chosen,
        key,
        steps=config.epochs * config.rollout_size // config.minibatch_size,
        prepare=normalise,
    )
    return trained, {name: mean(values) for name, values in parts.items()}


def ppo_loss(
    network: ActingNetwork,
    params: Any,
    examples: Examples,
    clip_range: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective on one minibatch, or on one group of it, and its parts.

    Args:
        network: policy and value function; of several values `[batch, values]`, the errors count
            as their mean.
        params: its parameters.
        examples: leaves `[batch, ...]`, advantages as they should count: normalised; where they
            hold `value`, the error of the value function is `losses.clipped_value_error`.
        clip_range: ε, scalar.
        hyperparameters: `value_weight` and `entropy_weight`.

    Returns:
        The loss: policy + value_weight * value - entropy_weight * entropy, and float32 scalars by
        name.

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


def _transformation(hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015, arXiv 1412.6980), after clipping."""
    clip = optax.clip_by_global_norm(hyperparameters["max_gradient_norm"])
    return optax.chain(clip, optax.scale_by_adam(eps=1e-5))
