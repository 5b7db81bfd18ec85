"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), environments included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, count, maximum, mean, merge
from research.rl import losses
from research.rl.advantages import generalised_advantages
from research.rl.agent import Agent
from research.rl.distributions import Categorical
from research.rl.environments.environment import Environment
from research.rl.evaluation import evaluate_policy
from research.rl.minibatches import shuffled_minibatches
from research.rl.network import PolicyAndValue
from research.rl.pictures import show_policy
from research.rl.rollout import Episodes, Trajectory, collect, start


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops.

    Attributes:
        environments: environments that are stepped together.
        rollout_steps: steps in each of them between two updates.
        epochs: passes over a rollout.
        minibatch_size: examples in one gradient step; divides environments * rollout_steps.
        units: units of each hidden layer of the policy, and of the value function.
        updates: rollouts in a whole run.
        groups: equal parts of the environments, and of each minibatch, which devices can share.
        anneal: whether learning rate and clip range fall linearly to 0 over the run.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    environments: int
    rollout_steps: int
    epochs: int
    minibatch_size: int
    units: tuple[int, ...]
    updates: int
    groups: int = 1
    anneal: bool = True
    evaluation_episodes: int = 64


class PPOState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: the network's parameters.
        opt_state: optax's state.
        hyperparameters: name -> float32 scalar.
        episodes: the environments in mid-episode.
        updates: int32 scalar, updates made.
    """

    params: Any
    opt_state: optax.OptState
    hyperparameters: Hyperparameters
    episodes: Episodes
    updates: jax.Array


class Examples(NamedTuple):
    """What the gradient steps learn from, leaves `[batch, ...]`.

    Attributes:
        observation: float32 `[batch, *observation_shape]`.
        action: int32 `[batch]`.
        log_probability: float32 `[batch]`, of the action under the policy that took it.
        advantage: float32 `[batch]`.
        target: float32 `[batch]`, what the value function should have said.
    """

    observation: jax.Array
    action: jax.Array
    log_probability: jax.Array
    advantage: jax.Array
    target: jax.Array


def make_ppo(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """PPO in `environment`: one update is one rollout and all gradient steps on it.

    Args:
        environment: where.
        sizes: shapes and loops.
        hyperparameters: starting values of `learning_rate`, `discount`, `gae_lambda`,
            `clip_range`, `entropy_weight`, `value_weight`, `max_gradient_norm`.
    """
    network = PolicyAndValue(environment.actions, sizes.units)

    def init(key: Key, hyperparameters: Hyperparameters) -> PPOState:
        params_key, environment_key = jax.random.split(key)
        observation = jnp.zeros(environment.observation_shape, jnp.float32)
        params = network.init(params_key, observation)
        return PPOState(
            params=params,
            opt_state=_gradient_transformation(hyperparameters["max_gradient_norm"]).init(params),
            hyperparameters=hyperparameters,
            episodes=start(environment, environment_key, sizes.environments),
            updates=jnp.int32(0),
        )

    def update(state: PPOState, batch: Batch, key: Key) -> tuple[PPOState, Metrics]:
        rollout_key, shuffle_key = jax.random.split(key)

        def policy(observations: jax.Array) -> Categorical:
            return Categorical(network.apply(state.params, observations, method="policy"))

        def play(episodes: Episodes, key: Key) -> tuple[Metrics, tuple[Episodes, Examples]]:
            episodes, trajectory = collect(environment, policy, episodes, key, sizes.rollout_steps)
            examples = make_examples(network, state.params, trajectory, state.hyperparameters)
            return _finished(trajectory), (episodes, examples)

        finished, (episodes, examples) = over_groups(
            play, sizes.groups, split(state.episodes, sizes.groups), rollout_key, merge
        )
        params, opt_state, learning = learn(network, sizes, state, examples, shuffle_key)
        values = state.hyperparameters
        state = PPOState(params, opt_state, values, join(episodes), state.updates + 1)
        return state, learning | finished

    def evaluate(state: PPOState, batch: Batch, key: Key) -> Metrics:
        def policy(observations: jax.Array) -> Categorical:
            return Categorical(network.apply(state.params, observations, method="policy"))

        return evaluate_policy(environment, policy, key, sizes.evaluation_episodes)

    def artifacts(state: PPOState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation

        def policy(params: Any, observations: jax.Array) -> Categorical:
            return Categorical(network.apply(params, observations, method="policy"))

        return show_policy(environment, policy, state.params, key, sizes.evaluation_episodes)

    def act(state: PPOState, observations: jax.Array) -> Categorical:
        return Categorical(network.apply(state.params, observations, method="policy"))

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=sizes.updates,
        items_per_step=sizes.environments * sizes.rollout_steps,
        items="environment steps",
        hyperparameters=hyperparameters,
        groups=sizes.groups,
        evaluate_every=max(1, sizes.updates // 8),
        watched=("evaluation",),
        final=("evaluation",),
        artifacts=artifacts,
        agent=Agent(environment, act),
    )


def make_examples(
    network: PolicyAndValue, params: Any, trajectory: Trajectory, hyperparameters: Hyperparameters
) -> Examples:
    """Turns `[time, environments]` steps into examples, with the parameters that acted."""
    # One call for both kinds of values; neither is needed while acting.
    both = jnp.stack([trajectory.observation, trajectory.final_observation])
    value, final_value = network.apply(params, both, method="value")
    said = Categorical(network.apply(params, trajectory.observation, method="policy"))
    advantage = generalised_advantages(
        trajectory.reward,
        value,
        final_value,
        trajectory.terminated,
        trajectory.truncated,
        hyperparameters["discount"],
        hyperparameters["gae_lambda"],
    )
    examples = Examples(
        observation=trajectory.observation,
        action=trajectory.action,
        log_probability=said.log_probability(trajectory.action),
        advantage=advantage,
        target=advantage + value,
    )
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), examples)


def ppo_loss(
    network: PolicyAndValue,
    params: Any,
    examples: Examples,
    clip_range: jax.Array,
    hyperparameters: Hyperparameters,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """The objective on one minibatch, or on one group of it, and its parts.

    Args:
        network: policy and value function.
        params: its parameters.
        examples: leaves `[batch, ...]`, advantages as they should count: normalised.
        clip_range: ε, scalar.
        hyperparameters: `value_weight` and `entropy_weight`.

    Returns:
        The loss: policy + value_weight * value - entropy_weight * entropy (Schulman et al. 2017,
        eq. 9, negated), and float32 scalars by name.
    """
    logits, value = network.apply(params, examples.observation)
    said = Categorical(logits)
    log_ratio = said.log_probability(examples.action) - examples.log_probability
    surrogate = losses.clipped_surrogate(log_ratio, examples.advantage, clip_range)
    policy_loss = jnp.mean(surrogate)
    value_loss = jnp.mean(losses.value_error(value, examples.target))
    entropy = jnp.mean(said.entropy())
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


def _gradient_transformation(max_gradient_norm: jax.Array) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(max_gradient_norm), optax.scale_by_adam(eps=1e-5))


def learn(
    network: PolicyAndValue, sizes: Sizes, state: PPOState, examples: Examples, key: Key
) -> tuple[Any, optax.OptState, Metrics]:
    """All gradient steps on one rollout.

    Args:
        network: policy and value function.
        sizes: `epochs`, `minibatch_size`, `groups`, and what a rollout and a run are.
        state: whose parameters learn.
        examples: leaves `[groups, batch / groups, ...]`.
        key: for the order of the minibatches.

    Returns:
        Parameters, the optimiser's state, and means over all gradient steps.
    """
    hyperparameters = state.hyperparameters
    left = 1.0 - state.updates / sizes.updates if sizes.anneal else jnp.float32(1.0)
    learning_rate = left * hyperparameters["learning_rate"]
    clip_range = left * hyperparameters["clip_range"]
    transformation = _gradient_transformation(hyperparameters["max_gradient_norm"])
    gradient_of = jax.grad(ppo_loss, argnums=1, has_aux=True)

    def descend(carry: tuple, chosen: jax.Array | None) -> tuple[tuple, dict[str, jax.Array]]:
        params, opt_state = carry
        minibatch = examples if chosen is None else take(examples, chosen)
        # Over all groups: what is a good action does not depend on who else shares its group.
        minibatch = minibatch._replace(advantage=losses.normalised(minibatch.advantage))

        def of_group(part: Examples, key: Key) -> tuple[Any, None]:
            del key
            return gradient_of(network, params, part, clip_range, hyperparameters), None

        summed, _ = over_groups(of_group, sizes.groups, minibatch, key)
        gradients, parts = jax.tree.map(lambda leaf: leaf / sizes.groups, summed)
        updates, opt_state = transformation.update(gradients, opt_state)
        params = jax.tree.map(lambda param, change: param - learning_rate * change, params, updates)
        return (params, opt_state), parts

    batch = sizes.environments * sizes.rollout_steps
    gradient_steps = sizes.epochs * batch // sizes.minibatch_size
    chosen = None  # a pass of one minibatch has no order
    if sizes.minibatch_size != batch:
        chosen = shuffled_minibatches(key, batch, sizes.minibatch_size, sizes.epochs, sizes.groups)
    carry = (state.params, state.opt_state)
    (params, opt_state), parts = jax.lax.scan(descend, carry, chosen, length=gradient_steps)
    return params, opt_state, {name: mean(values) for name, values in parts.items()}


def take(examples: Examples, chosen: jax.Array) -> Examples:
    """The examples at `chosen` int32 `[groups, n]` of each group: leaves `[groups, n, ...]`."""
    of_each_group = jax.vmap(lambda leaf, rows: leaf[rows])
    return jax.tree.map(lambda leaf: of_each_group(leaf, chosen), examples)


def _finished(trajectory: Trajectory) -> Metrics:
    """What the episodes that ended in a rollout came to."""
    done = trajectory.terminated | trajectory.truncated
    return {
        "episode_return": mean(trajectory.episode_return, done),
        "episodes": count(done),
        "longest_episode": maximum(trajectory.episode_length, where=done),
    }
