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

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, mean
from research.rl import priorities, replay
from research.rl.acting import make_acting, scan_updates
from research.rl.agent import reactive
from research.rl.descent import step_down
from research.rl.distributions import draw_noise
from research.rl.environments.environment import Environment
from research.rl.exploration import exploration_rate
from research.rl.priorities import Priorities
from research.rl.q_learner import EpsilonGreedy, QLearner
from research.rl.q_network import QNetwork, features
from research.rl.replay import Replay, Step
from research.rl.rollout import Episodes, start, step_all


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
        target_every: updates between two copies of the parameters to the target's.
        lookahead: n of n-step returns.
        units: units of each hidden layer.
        channels: of a convolution before them; 0 for none.
        atoms: of a distribution of returns; 1 learns the mean alone.
        double: whether the action that follows is chosen by the network that learns.
        clipped_error: whether errors beyond 1 count linearly.
        duelling: whether values and advantages have streams of their own.
        prioritised: whether transitions are drawn by how surprising they were.
        anneal: whether the learning rate falls linearly to 0 over the run.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    updates: int
    environments: int = 1
    steps: int = 1
    gradient_steps: int = 1
    batch_size: int = 32
    capacity: int = 10_000
    warmup_updates: int = 100
    target_every: int = 10
    lookahead: int = 1
    units: tuple[int, ...] = (64, 64)
    channels: int = 0
    atoms: int = 1
    double: bool = False
    clipped_error: bool = False
    duelling: bool = False
    prioritised: bool = False
    anneal: bool = True
    evaluation_episodes: int = 64


class DQNState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: of the network that learns.
        target_params: of the one that says what follows.
        opt_state: optax's state.
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


def make_dqn(
    environment: Environment, sizes: Sizes, hyperparameters: Mapping[str, float]
) -> Experiment:
    """Deep Q-learning in `environment`, whose actions are discrete.

    Args:
        environment: where.
        sizes: shapes, loops and choices.
        hyperparameters: `learning_rate`, `discount`, `max_gradient_norm`; `epsilon` (the last) and
            `exploration_fraction` (of the run, until then); for prioritised replay
            `priority_exponent` and `importance_exponent` (the first); for distributions
            `smallest_return` and `largest_return`.
    """
    network = QNetwork(
        environment.actions, sizes.units, sizes.atoms, sizes.duelling, sizes.channels
    )
    learner = QLearner(environment, network, sizes.double, sizes.clipped_error)

    def init(key: Key, hyperparameters: Hyperparameters) -> DQNState:
        params_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, sizes.environments)
        params = network.init(params_key, features(environment, episodes.observations[:1]))
        return DQNState(
            params=params,
            # Its own buffers: a state is given away whole, and no buffer can be given twice.
            target_params=jax.tree.map(jnp.copy, params),
            opt_state=_transformation(hyperparameters).init(params),
            episodes=episodes,
            replay=replay.make_replay(
                episodes.observations, environment.action_space, sizes.capacity
            ),
            priorities=priorities.make_priorities(sizes.capacity) if sizes.prioritised else None,
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def update(state: DQNState, batch: Batch, key: Key) -> tuple[DQNState, Metrics]:
        del batch
        act_key, learn_key = jax.random.split(key)
        epsilon = exploration_rate(state.updates / sizes.updates, state.hyperparameters)

        def one_step(state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
            return act(learner, sizes, state, epsilon, key)

        def one_batch(state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
            return learn(learner, sizes, state, key)

        def learning(state: DQNState) -> tuple[DQNState, Metrics]:
            return scan_updates(one_batch, state, jax.random.split(learn_key, sizes.gradient_steps))

        def waiting(state: DQNState) -> tuple[DQNState, Metrics]:
            return state, {"loss": mean(jnp.float32(0), jnp.bool_(False))}

        state, played = scan_updates(one_step, state, jax.random.split(act_key, sizes.steps))
        ready = state.updates >= sizes.warmup_updates
        state, learned = jax.lax.cond(ready, learning, waiting, state)
        updates = state.updates + 1
        renew = updates % sizes.target_every == 0
        target_params = jax.tree.map(
            lambda new, old: jnp.where(renew, new, old), state.params, state.target_params
        )
        return state._replace(target_params=target_params, updates=updates), played | learned

    def acting(state: DQNState, observations: jax.Array) -> EpsilonGreedy:
        values = state.hyperparameters
        return learner.exploring(state.params, observations, values, values["epsilon"])

    return make_acting(
        reactive(environment, acting),
        init,
        update,
        updates=sizes.updates,
        items_per_update=sizes.environments * sizes.steps,
        evaluation_episodes=sizes.evaluation_episodes,
        hyperparameters=hyperparameters,
    )


def act(
    learner: QLearner, sizes: Sizes, state: DQNState, epsilon: jax.Array, key: Key
) -> tuple[DQNState, Metrics]:
    """One step of every environment, kept in the replay."""
    action_key, step_key = jax.random.split(key)
    observations, values = state.episodes.observations, state.hyperparameters
    said = learner.exploring(state.params, observations, values, epsilon)
    space = learner.environment.action_space
    action = said.sample(draw_noise(action_key, space, (sizes.environments,)))
    keys = jax.random.split(step_key, sizes.environments)
    episodes, seen = step_all(learner.environment, state.episodes, action, keys)
    ranks = state.priorities
    if ranks is not None:
        ranks = new_priorities(ranks, state.replay, sizes.environments, sizes.lookahead)
    kept = Step(*(getattr(seen, name) for name in Step._fields))
    done = seen.terminated | seen.truncated
    state = state._replace(
        episodes=episodes, replay=replay.add(state.replay, kept), priorities=ranks
    )
    return state, {"episode_return": mean(seen.episode_return, done), "episodes": count(done)}


def new_priorities(
    ranks: Priorities, memory: Replay, environments: int, lookahead: int
) -> Priorities:
    """The priorities once another step of each environment is added to the replay.

    The new steps cannot be drawn before their n-step return is known. Those that they make
    complete can, with the largest priority so far (Schaul et al. 2016, algorithm 1, line 6). Those
    that they take the place of cannot.
    """
    newest = (memory.added + jnp.arange(environments)) % memory.capacity
    behind = (lookahead - 1) * environments
    ranks = priorities.prioritise(ranks, newest, jnp.zeros(environments, jnp.float32))
    complete = (newest - behind) % memory.capacity
    priority = jnp.where(memory.added >= behind, ranks.largest, 0.0)
    return priorities.prioritise(ranks, complete, jnp.full(environments, priority))


def learn(learner: QLearner, sizes: Sizes, state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
    """One gradient step on one minibatch."""
    values, memory, ranks = state.hyperparameters, state.replay, state.priorities
    environments, lookahead = sizes.environments, sizes.lookahead
    if ranks is None:
        place = replay.uniform_places(key, memory, environments, sizes.batch_size, lookahead)
        weight = jnp.ones(sizes.batch_size)
    else:
        place, probability = priorities.draw(ranks, key, sizes.batch_size)
        first, done = values["importance_exponent"], state.updates / sizes.updates
        held = replay.sampleable(memory, environments, lookahead)
        weight = priorities.importance(probability, held, first + done * (1.0 - first))
    seen = replay.read(memory, place, environments, values["discount"], lookahead)

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        losses, surprise = learner.losses(params, state.target_params, seen, values)
        return jnp.mean(weight * losses), surprise

    (value, surprise), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
    left = 1.0 - state.updates / sizes.updates if sizes.anneal else jnp.float32(1.0)
    rate = left * values["learning_rate"]
    params, opt_state = step_down(
        gradient, _transformation(values), rate, state.params, state.opt_state
    )
    if ranks is not None:
        priority = (surprise + 1e-6) ** values["priority_exponent"]
        ranks = priorities.prioritise(ranks, place, priority)
    state = state._replace(params=params, opt_state=opt_state, priorities=ranks)
    return state, {"loss": mean(value)}


def _transformation(values: Hyperparameters) -> optax.GradientTransformation:
    return optax.chain(
        optax.clip_by_global_norm(values["max_gradient_norm"]), optax.scale_by_adam()
    )
