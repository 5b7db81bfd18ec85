"""Deep Q-learning and its improvements: double, duelling, prioritised, n-step, distributional.

Each can be had by itself; all of them together are Rainbow (Hessel et al. 2018, arXiv 1710.02298)
without its noisy layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, mean
from research.optimization.descent import Trained, clipped, descend, with_learning_rate
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range, Since
from research.rl import priorities, replay_buffer
from research.rl.acting import Report, make_acting, scan_updates, select_reported
from research.rl.action_values import EpsilonGreedy, QLearner, QNetwork
from research.rl.distributions import draw_noise
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.exploration import exploration_rate
from research.rl.network import features
from research.rl.off_policy import OffPolicy
from research.rl.policy import reactive
from research.rl.priorities import Priorities
from research.rl.replay_buffer import Replay
from research.rl.rollout import Episodes, start, step_all


@dataclass(frozen=True)
class DQN(OffPolicy):
    """Options of deep Q-learning."""

    environment: Annotated[str, "its name; actions are discrete"] = "CartPole-v1"
    target_every: Annotated[int, "updates between two copies to the target network", COUNT] = 1
    channels: Annotated[int, "channels of a 3 x 3 convolution of images; 0 for none", AMOUNT] = 0
    double: Annotated[bool, "let the learning network choose the action of the target"] = False
    clipped_error: Annotated[bool, "let errors beyond 1 count linearly (Huber)"] = False
    duelling: Annotated[bool, "learn values and advantages apart"] = False
    prioritised: Annotated[bool, "replay transitions of large TD error more often"] = False
    lookahead: Annotated[int, "rewards summed before the value that follows (n-step)", COUNT] = 1
    atoms: Annotated[int, "returns in a learned distribution (C51); 1 learns the mean", COUNT] = 1
    anneal: Annotated[bool, "let the learning rate fall linearly to 0"] = True
    report: Annotated[
        Report, "the checkpoint that is reported: the last, or the best by a figure", Since("last")
    ] = "last"
    epsilon: Annotated[float, "share of random actions in the end", Range(0, 1)] = 0.05
    exploration_fraction: Annotated[
        float, "of the run, until epsilon has fallen from 1", Range(0, 1)
    ] = 0.5
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to", POSITIVE] = (
        10.0
    )
    priority_exponent: Annotated[float, "prioritised: 0 draws all alike", Range(0, 1)] = 0.6
    importance_exponent: Annotated[
        float, "prioritised: bias undone at the start, 1 is all", Range(0, 1)
    ] = 0.4
    smallest_return: Annotated[float, "atoms: the smallest return", Range()] = 0.0
    largest_return: Annotated[float, "atoms: the largest return", Range()] = 100.0

    @property
    def warmup_updates(self) -> int:
        """Updates without learning at the start.

        The first learning finds a whole return to learn from in each environment.
        """
        first = max(self.learning_starts, self.environments * self.lookahead)
        return -(-first // self.steps_together) - 1

    def problems(self) -> list[str]:
        """Options that do not go together, a message each."""
        found = unfit(self.environment, continuous=False, image=self.channels > 0 or None)
        found += super().problems()
        if self.lookahead * self.environments > self.replay_size:
            found.append(
                f"--replay-size {self.replay_size} is too small for --lookahead {self.lookahead} "
                f"in {self.environments} environments: it must hold their product"
            )
        if self.atoms > 1 and self.smallest_return >= self.largest_return:
            found.append(
                f"--smallest-return {self.smallest_return:g} must lie below --largest-return "
                f"{self.largest_return:g}"
            )
        return found

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), atoms=min(self.atoms, 5))

    def make(self) -> Experiment:
        """Deep Q-learning with the chosen improvements, in the chosen environment."""
        return select_reported(make_dqn(make_environment(self.environment), self), self.report)


CLEANRL = DQN(
    environment_steps=500_000,
    environments=10,
    steps_per_update=50,
    gradient_steps=50,
    batch_size=128,
    replay_size=10_000,
    learning_starts=10_000,
    units=120,
    learning_rate=2.5e-4,
)
"""Settings of CleanRL's DQN on CartPole, but for environments that are stepped together."""

FAR_SIGHTED = replace(
    CLEANRL,
    batch_size=256,
    learning_rate=5e-4,
    discount=0.995,
    largest_return=200.0,
    report="evaluation/episode_return",
)
"""Settings with which plain DQN is steadier on CartPole, and the best checkpoint is reported.

A policy that drifts off the track fails after hundreds of steps: values must look that far. And
deep Q-learning is good long before it is steady.
"""


ADAM = optax.scale_by_adam()


class DQNState(NamedTuple):
    """All that the next update depends on.

    Attributes:
        params: of the network that learns.
        target_params: of the target network.
        episodes: the environments in mid-episode.
        replay: the newest steps.
        priorities: of these, by TD error; None where all are drawn alike.
        updates: int32 scalar, updates made.
    """

    params: Any
    target_params: Any
    opt_state: optax.OptState
    episodes: Episodes
    replay: Replay
    priorities: Priorities | None
    updates: jax.Array
    hyperparameters: Hyperparameters


def make_dqn(environment: Environment, config: DQN) -> Experiment:
    """Deep Q-learning in `environment`, whose actions are discrete."""
    network = QNetwork(
        environment.actions, config.hidden, config.atoms, config.duelling, config.channels
    )
    learner = QLearner(environment, network, config.double, config.clipped_error)

    def init(key: Key, hyperparameters: Hyperparameters) -> DQNState:
        params_key, environment_key = jax.random.split(key)
        episodes = start(environment, environment_key, config.environments)
        params = network.init(params_key, features(episodes.observations[:1], environment.states))
        return DQNState(
            params=params,
            # Its own buffers: the state is donated, and no buffer can be donated twice.
            target_params=jax.tree.map(jnp.copy, params),
            opt_state=clipped(ADAM, hyperparameters).init(params),
            episodes=episodes,
            replay=replay_buffer.make_replay(
                episodes.observations, environment.action_space, config.replay_size
            ),
            priorities=priorities.make_priorities(config.replay_size)
            if config.prioritised
            else None,
            updates=jnp.int32(0),
            hyperparameters=hyperparameters,
        )

    def update(state: DQNState, batch: Batch, key: Key) -> tuple[DQNState, Metrics]:
        del batch
        act_key, learn_key = jax.random.split(key)
        epsilon = exploration_rate(state.updates / config.updates, state.hyperparameters)

        def one_step(state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
            return act(learner, config, state, epsilon, key)

        def one_batch(state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
            return learn(learner, config, state, key)

        def learn_batches(state: DQNState) -> tuple[DQNState, Metrics]:
            return scan_updates(
                one_batch, state, jax.random.split(learn_key, config.gradient_steps)
            )

        def wait(state: DQNState) -> tuple[DQNState, Metrics]:
            return state, {"loss": mean(jnp.float32(0), jnp.bool_(False))}

        state, played = scan_updates(
            one_step, state, jax.random.split(act_key, config.steps_per_update)
        )
        ready = state.updates >= config.warmup_updates
        state, learned = jax.lax.cond(ready, learn_batches, wait, state)
        updates = state.updates + 1
        renew = updates % config.target_every == 0
        target_params = jax.tree.map(
            lambda new, old: jnp.where(renew, new, old), state.params, state.target_params
        )
        return state._replace(target_params=target_params, updates=updates), played | learned

    def explore(state: DQNState, observations: jax.Array) -> EpsilonGreedy:
        values = state.hyperparameters
        return learner.explore(state.params, observations, values, values["epsilon"])

    agent = reactive(environment, explore)
    return make_acting(config, agent, init, update, config.steps_together)


def act(
    learner: QLearner, config: DQN, state: DQNState, epsilon: jax.Array, key: Key
) -> tuple[DQNState, Metrics]:
    """One step of every environment, kept in the replay."""
    action_key, step_key = jax.random.split(key)
    observations, values = state.episodes.observations, state.hyperparameters
    dist = learner.explore(state.params, observations, values, epsilon)
    space = learner.environment.action_space
    action = dist.sample(draw_noise(action_key, space, (config.environments,)))
    keys = jax.random.split(step_key, config.environments)
    episodes, transition = step_all(learner.environment, state.episodes, action, keys)
    ranks = state.priorities
    if ranks is not None:
        ranks = new_priorities(ranks, state.replay, config.environments, config.lookahead)
    ended = transition.ended
    state = state._replace(
        episodes=episodes, replay=replay_buffer.add(state.replay, transition), priorities=ranks
    )
    return state, {
        "episode_return": mean(transition.episode_return, ended),
        "episodes": count(ended),
    }


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


def learn(learner: QLearner, config: DQN, state: DQNState, key: Key) -> tuple[DQNState, Metrics]:
    """One gradient step on one minibatch."""
    values, memory, ranks = state.hyperparameters, state.replay, state.priorities
    environments, lookahead = config.environments, config.lookahead
    if ranks is None:
        place = replay_buffer.uniform_places(
            key, memory, environments, config.batch_size, lookahead
        )
        weight = jnp.ones(config.batch_size)
    else:
        place, probability = priorities.draw(ranks, key, config.batch_size)
        first, done = values["importance_exponent"], state.updates / config.updates
        held = replay_buffer.sampleable(memory, environments, lookahead)
        weight = priorities.importance(probability, held, first + done * (1.0 - first))
    batch = replay_buffer.read(memory, place, environments, values["discount"], lookahead)

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        losses, td_error = learner.losses(params, state.target_params, batch, values)
        return jnp.mean(weight * losses), td_error

    remaining = 1.0 - state.updates / config.updates if config.anneal else jnp.float32(1.0)
    rate = remaining * values["learning_rate"]
    trained, (value, td_error) = descend(
        loss,
        Trained(state.params, state.opt_state),
        with_learning_rate(clipped(ADAM, values), rate),
        has_aux=True,
    )
    if ranks is not None:
        priority = (td_error + 1e-6) ** values["priority_exponent"]
        ranks = priorities.prioritise(ranks, place, priority)
    state = state._replace(**trained._asdict(), priorities=ranks)
    return state, {"loss": mean(value)}
