"""Deep Q-learning and its improvements: double, duelling, prioritised, n-step, distributional.

Each can be had by itself; all of them together are Rainbow (Hessel et al. 2018, arXiv 1710.02298)
without its noisy layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, mean
from research.rl import distributional, exploration, priorities, replay
from research.rl.environments.environment import Environment, first_observation
from research.rl.evaluation import evaluate_policy
from research.rl.pictures import show_policy
from research.rl.priorities import Priorities
from research.rl.q_network import QNetwork, features
from research.rl.replay import Replay, Step, Transition
from research.rl.rollout import Episodes, start


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops.

    Attributes:
        updates: in a whole run: each is `steps` steps of every environment, then learning.
        environments: environments that are stepped together.
        steps: steps of each of them between learning.
        gradient_steps: minibatches learned from in one update.
        batch_size: transitions in a minibatch.
        capacity: steps that the replay holds, a multiple of the environments.
        warmup_updates: updates without learning at the start.
        exploration_updates: updates over which ε falls from 1 to its last value.
        target_every: updates between two copies of the parameters to the target's.
        lookahead: n of n-step returns.
        units: units of each hidden layer.
        channels: of a convolution before them; 0 for none.
        atoms: of a distribution of returns; 1 learns the mean alone.
        double: whether the action that follows is chosen by the network that learns.
        duelling: whether values and advantages have streams of their own.
        prioritised: whether transitions are drawn by how surprising they were.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    updates: int
    environments: int = 1
    steps: int = 1
    gradient_steps: int = 1
    batch_size: int = 32
    capacity: int = 10_000
    warmup_updates: int = 100
    exploration_updates: int = 1000
    target_every: int = 10
    lookahead: int = 1
    units: tuple[int, ...] = (64, 64)
    channels: int = 0
    atoms: int = 1
    double: bool = False
    duelling: bool = False
    prioritised: bool = False
    evaluation_episodes: int = 64


class DQNState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: of the network that learns.
        target_params: of the one that says what follows.
        opt_state: optax's state, of the parameters as one vector.
        episodes: the environments in mid-episode.
        replay: what was seen.
        priorities: how surprising it was; None where all are alike.
        updates: int32 scalar, updates made.
        hyperparameters: name -> float32 scalar.
    """

    params: Any
    target_params: Any
    opt_state: optax.OptState
    episodes: Episodes
    replay: Replay
    priorities: Priorities | None
    updates: jax.Array
    hyperparameters: Hyperparameters


def bootstrap_target(
    reward: jax.Array, discount: jax.Array, following: jax.Array, choosing: jax.Array
) -> jax.Array:
    """r + γ Q'(s', argmax_a Q(s', a)), float32 `[batch]`.

    Args:
        reward: float32 `[batch]`.
        discount: float32 `[batch]`, 0 where nothing follows.
        following: Q', float32 `[batch, actions]`, of the target network.
        choosing: Q, float32 `[batch, actions]`: of the network that learns for double Q-learning
            (van Hasselt et al. 2016, arXiv 1509.06461, eq. 4), of the target network otherwise
            (Mnih et al. 2015, eq. 1).
    """
    best = jnp.argmax(choosing, axis=-1)[:, None]
    return reward + discount * jnp.take_along_axis(following, best, axis=-1)[:, 0]


def huber(error: jax.Array) -> jax.Array:
    """δ² / 2 up to 1, |δ| - 1/2 beyond it, unreduced (Mnih et al. 2015, methods: clipped error)."""
    absolute = jnp.abs(error)
    return jnp.where(absolute <= 1.0, 0.5 * jnp.square(error), absolute - 0.5)


class Learner(NamedTuple):
    """The network and what its outputs mean.

    Attributes:
        environment: where it acts.
        network: observations -> `[batch, actions, atoms]`.
        sizes: choices.
    """

    environment: Environment
    network: QNetwork
    sizes: Sizes

    def outputs(self, params: Any, observations: jax.Array) -> jax.Array:
        """float32 `[batch, actions, atoms]`."""
        return self.network.apply(params, features(self.environment, observations))

    def returns(self, values: Hyperparameters) -> jax.Array:
        """The returns that a distribution can give, float32 `[atoms]`."""
        return distributional.support(
            values["smallest_return"], values["largest_return"], self.sizes.atoms
        )

    def q_value(self, params: Any, observations: jax.Array, values: Hyperparameters) -> jax.Array:
        """Q(s, a), float32 `[batch, actions]`."""
        outputs = self.outputs(params, observations)
        if self.sizes.atoms == 1:
            return outputs[..., 0]
        return distributional.expectation(outputs, self.returns(values))

    def losses(
        self, params: Any, target_params: Any, seen: Transition, values: Hyperparameters
    ) -> tuple[jax.Array, jax.Array]:
        """The loss of each transition, and how surprising it was, float32 `[batch]` each."""
        outputs = self.outputs(params, seen.observation)
        chosen = jnp.take_along_axis(outputs, seen.action[:, None, None], axis=1)[:, 0]
        following = self.outputs(target_params, seen.final_observation)
        choosing = params if self.sizes.double else target_params
        choice = self.q_value(choosing, seen.final_observation, values)
        if self.sizes.atoms == 1:
            target = bootstrap_target(seen.reward, seen.discount, following[..., 0], choice)
            error = jax.lax.stop_gradient(target) - chosen[:, 0]
            return huber(error), jnp.abs(error)
        best = jnp.argmax(choice, axis=-1)[:, None, None]
        ahead = jax.nn.softmax(jnp.take_along_axis(following, best, axis=1)[:, 0])
        moved = seen.reward[:, None] + seen.discount[:, None] * self.returns(values)
        low, high = values["smallest_return"], values["largest_return"]
        target = jax.lax.stop_gradient(distributional.project(ahead, moved, low, high))
        loss = distributional.cross_entropy(chosen, target)
        return loss, loss

    def exploring(
        self, params: Any, observations: jax.Array, values: Hyperparameters, epsilon: jax.Array
    ) -> jax.Array:
        """Logits of the ε-greedy policy, float32 `[batch, actions]`."""
        q_value = self.q_value(params, observations, values)
        possible = jnp.ones(q_value.shape, bool)
        return jnp.log(exploration.epsilon_greedy(q_value, possible, epsilon))


def exploration_rate(updates: jax.Array, last: jax.Array, over: int) -> jax.Array:
    """ε, falling from 1 to `last` in a line over so many updates (Mnih et al. 2015)."""
    share = jnp.minimum(updates / jnp.maximum(over, 1), 1.0)
    return 1.0 + share * (last - 1.0)


def act(
    learner: Learner, state: DQNState, epsilon: jax.Array, key: Key
) -> tuple[DQNState, Metrics]:
    """One step of every environment, kept in the replay."""
    action_key, step_key = jax.random.split(key)
    episodes, environment = state.episodes, learner.environment
    logits = learner.exploring(
        state.params, episodes.observations, state.hyperparameters, epsilon
    )
    action = jax.random.categorical(action_key, logits).astype(jnp.int32)
    keys = jax.random.split(step_key, action.shape[0])
    states, shown = jax.vmap(environment.step)(keys, episodes.states, action)
    done = shown.terminated | shown.truncated
    episode_return = episodes.episode_return + shown.reward
    after = Episodes(
        states,
        shown.observation,
        jnp.where(done, 0.0, episode_return),
        jnp.where(done, 0, episodes.episode_length + 1),
    )
    kept = Step(
        episodes.observations,
        action,
        shown.reward,
        shown.terminated,
        shown.truncated,
        shown.final_observation,
    )
    newest = state.replay.added % state.replay.capacity + jnp.arange(action.shape[0])
    ranks = state.priorities
    if ranks is not None:
        ranks = new_priorities(ranks, newest, state.replay, learner.sizes)
    state = state._replace(
        episodes=after, replay=replay.add(state.replay, kept), priorities=ranks
    )
    return state, {"episode_return": mean(episode_return, done), "episodes": count(done)}


def new_priorities(
    ranks: Priorities, newest: jax.Array, memory: Replay, sizes: Sizes
) -> Priorities:
    """What has just been added cannot be drawn before its n-step return is known; what it made
    complete can, with the largest priority so far; what lost its place cannot."""
    behind = (sizes.lookahead - 1) * sizes.environments
    ranks = priorities.prioritise(ranks, newest, jnp.zeros(newest.shape, jnp.float32))
    complete = (newest - behind) % memory.capacity
    there = memory.added >= behind
    largest = jnp.full(newest.shape, ranks.largest)
    return priorities.prioritise(ranks, complete, jnp.where(there, largest, 0.0))


def learn(learner: Learner, state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
    """One gradient step on one minibatch."""
    sizes, values = learner.sizes, state.hyperparameters
    if state.priorities is None:
        place = replay.uniform_places(
            key, state.replay, sizes.environments, sizes.batch_size, sizes.lookahead
        )
        weight = jnp.ones(sizes.batch_size)
    else:
        place, probability = priorities.draw(state.priorities, key, sizes.batch_size)
        held = replay.sampleable(state.replay, sizes.environments, sizes.lookahead)
        done = state.updates / max(sizes.updates, 1)
        exponent = values["importance_exponent"] + done * (1.0 - values["importance_exponent"])
        weight = priorities.importance(probability, held, exponent)
    seen = replay.read(
        state.replay, place, sizes.environments, values["discount"], sizes.lookahead
    )
    flat, unravel = ravel_pytree(state.params)

    def loss(flat: jax.Array) -> tuple[jax.Array, jax.Array]:
        losses, surprise = learner.losses(unravel(flat), state.target_params, seen, values)
        return jnp.mean(weight * losses), surprise

    (value, surprise), gradient = jax.value_and_grad(loss, has_aux=True)(flat)
    updates, opt_state = _transformation(values).update(gradient, state.opt_state)
    state = state._replace(
        params=unravel(flat - values["learning_rate"] * updates), opt_state=opt_state
    )
    if state.priorities is not None:
        priority = (surprise + 1e-6) ** values["priority_exponent"]
        ranks = priorities.prioritise(state.priorities, place, priority)
        state = state._replace(priorities=ranks)
    return state, {"loss": mean(value)}


def _transformation(values: Hyperparameters) -> optax.GradientTransformation:
    clip = optax.clip_by_global_norm(values["max_gradient_norm"])
    return optax.chain(clip, optax.scale_by_adam(eps=1e-8))


def make_dqn(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """Deep Q-learning in `environment`, whose actions are discrete.

    Args:
        environment: where.
        sizes: shapes, loops and choices.
        hyperparameters: `learning_rate`, `discount`, `epsilon` (the last), `max_gradient_norm`;
            for prioritised replay `priority_exponent` and `importance_exponent` (the first); for
            distributions `smallest_return` and `largest_return`.
    """
    network = QNetwork(
        environment.actions, sizes.units, sizes.atoms, sizes.duelling, sizes.channels
    )
    learner = Learner(environment, network, sizes)

    def init(key: Key, hyperparameters: Hyperparameters) -> DQNState:
        params_key, environment_key = jax.random.split(key)
        observation = first_observation(environment)[None]
        params = network.init(params_key, features(environment, observation))
        episodes = start(environment, environment_key, sizes.environments)
        none = jnp.zeros(sizes.environments)
        example = Step(
            episodes.observations,
            none.astype(jnp.int32),
            none,
            none.astype(bool),
            none.astype(bool),
            episodes.observations,
        )
        return DQNState(
            params=params,
            # Its own buffers: a state is given away whole, and no buffer can be given twice.
            target_params=jax.tree.map(jnp.copy, params),
            opt_state=_transformation(hyperparameters).init(ravel_pytree(params)[0]),
            episodes=episodes,
            replay=replay.make_replay(example, sizes.capacity),
            priorities=priorities.make_priorities(sizes.capacity) if sizes.prioritised else None,
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def update(state: DQNState, batch: Batch, key: Key) -> tuple[DQNState, Metrics]:
        del batch
        act_key, learn_key = jax.random.split(key)
        last = state.hyperparameters["epsilon"]
        epsilon = exploration_rate(state.updates, last, sizes.exploration_updates)

        def one_step(state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
            return act(learner, state, epsilon, key)

        def one_batch(state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
            return learn(learner, state, key)

        def learning(state: DQNState) -> tuple[DQNState, Metrics]:
            return _scan(one_batch, state, jax.random.split(learn_key, sizes.gradient_steps))

        def waiting(state: DQNState) -> tuple[DQNState, Metrics]:
            return state, {"loss": mean(jnp.float32(0), jnp.bool_(False))}

        state, played = _scan(one_step, state, jax.random.split(act_key, sizes.steps))
        ready = state.updates >= sizes.warmup_updates
        state, learned = jax.lax.cond(ready, learning, waiting, state)
        updates = state.updates + 1
        renew = updates % sizes.target_every == 0
        target = jax.tree.map(
            lambda new, old: jnp.where(renew, new, old), state.params, state.target_params
        )
        return state._replace(target_params=target, updates=updates), played | learned

    def policy_of(state: DQNState, observations: jax.Array) -> jax.Array:
        values = state.hyperparameters
        return learner.exploring(state.params, observations, values, values["epsilon"])

    def evaluate(state: DQNState, batch: Batch, key: Key) -> Metrics:
        del batch

        def policy(observations: jax.Array) -> jax.Array:
            return policy_of(state, observations)

        return evaluate_policy(environment, policy, key, sizes.evaluation_episodes)

    def artifacts(state: DQNState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation

        def policy(parts: tuple, observations: jax.Array) -> jax.Array:
            params, values = parts
            return learner.exploring(params, observations, values, values["epsilon"])

        parts = state.params, state.hyperparameters
        return show_policy(environment, policy, parts, key, sizes.evaluation_episodes)

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=sizes.updates,
        items_per_step=sizes.environments * sizes.steps,
        items="steps",
        hyperparameters=hyperparameters,
        evaluate_every=max(1, sizes.updates // 10),
        artifacts=artifacts,
    )


def _scan(step: Any, state: DQNState, keys: Key) -> tuple[DQNState, Metrics]:
    """A loop over steps, and the metrics of all of them together."""
    state, metrics = jax.lax.scan(step, state, keys)
    return state, jax.tree.map(lambda leaf: jnp.sum(leaf, axis=0), metrics)
