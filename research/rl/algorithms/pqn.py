"""Parallelised Q-learning (Gallici et al. 2024, arXiv 2407.04811): no replay, no target network.

Many environments are played for some steps by an ε-greedy policy. Then Q learns from all of these
steps, in minibatches, a few times over, and forgets them. What keeps it stable in place of a target
network is layer normalisation (theorem 2 of the paper); what makes it fast are returns over many
steps, Peng's Q(λ):

    R_t = r_t + γ [λ R_{t+1} + (1 - λ) max_a Q(s_{t+1}, a)],

from the rollout's last step back, by the parameters that played. They are the TD(λ) returns of
V(s) = max_a Q(s, a), so that ends, time limits and the end of the rollout are those of
`generalised_advantages`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join, over_groups, split
from research.engine.metrics import Metrics, merge
from research.options.ranges import FRACTION, POSITIVE, Range, Since
from research.rl.acting import Report, make_acting, select_reported
from research.rl.action_values import EpsilonGreedy, QLearner, QNetwork
from research.rl.advantages import advantages_in
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.exploration import exploration_rate
from research.rl.network import HiddenLayers, features
from research.rl.on_policy import Minibatches, OnPolicyState, begin, learn_in_minibatches
from research.rl.policy import memoryless, reactive
from research.rl.rollout import Episodes, Trajectory, collect, episode_metrics


@dataclass(frozen=True)
class PQN(HiddenLayers, Minibatches):
    """Options of parallelised Q-learning."""

    report: Annotated[
        Report, "the checkpoint that is reported: the last, or the best by a figure", Since("last")
    ] = "last"
    layer_normalisation: Annotated[bool, "normalise what each hidden layer computes"] = True
    discount: Annotated[float, "weight of the next step's value", FRACTION] = 0.99
    return_lambda: Annotated[
        float, "decay of the return's trace; 0 looks one step ahead", Range(0, 1)
    ] = 0.95
    reward_scale: Annotated[
        float, "what rewards are multiplied by before they are learned", POSITIVE
    ] = 0.1
    epsilon: Annotated[float, "share of random actions in the end", Range(0, 1)] = 0.2
    exploration_fraction: Annotated[
        float, "of the run, until epsilon has fallen from 1", Range(0, 1)
    ] = 0.2

    def problems(self) -> list[str]:
        """An environment that does not fit, or a rollout that does not divide."""
        image = self.channels > 0 or None
        return unfit(self.environment, continuous=False, image=image) + super().problems()

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), units=16, channels=min(self.channels, 4))

    def make(self) -> Experiment:
        """PQN in the chosen environment."""
        return select_reported(make_pqn(make_environment(self.environment), self), self.report)


class Valued(NamedTuple):
    """Examples, leaves `[batch, ...]`.

    Attributes:
        observation: `[batch, *observation_shape]`.
        action: int32 `[batch]`, taken.
        target: float32 `[batch]`, the return that Q should be.
    """

    observation: jax.Array
    action: jax.Array
    target: jax.Array


RADAM = optax.scale_by_radam()
"""Rectified Adam (Liu et al. 2020, arXiv 1908.03265)."""


def make_pqn(environment: Environment, config: PQN) -> Experiment:
    """PQN in `environment`: one update is one rollout and all gradient steps on it."""
    network = QNetwork(
        environment.actions,
        config.hidden,
        channels=config.channels,
        layer_normalisation=config.layer_normalisation,
    )
    learner = QLearner(environment, network, double=False)

    def init(key: Key, hyperparameters: Hyperparameters) -> OnPolicyState:
        def init_network(key: Key, observations: jax.Array) -> Any:
            return network.init(key, features(observations[:1], environment.states))

        return begin(environment, config, init_network, RADAM, key, hyperparameters)

    def update(state: OnPolicyState, batch: Batch, key: Key) -> tuple[OnPolicyState, Metrics]:
        del batch
        rollout_key, shuffle_key = jax.random.split(key)
        values = state.hyperparameters
        epsilon = exploration_rate(state.updates / config.updates, values)

        def play(episodes: Episodes, key: Key) -> tuple[Metrics, tuple[Episodes, Valued]]:
            episodes, trajectory = collect(
                environment,
                memoryless(lambda o: learner.explore(state.params, o, values, epsilon)),
                episodes,
                key,
                config.rollout_steps,
            )
            examples = make_valued(learner, state.params, trajectory, values)
            return episode_metrics(trajectory), (episodes, examples)

        ended, (episodes, examples) = over_groups(
            play, config.groups, split(state.episodes, config.groups), rollout_key, merge
        )
        trained, learning = learn_in_minibatches(
            config,
            state,
            examples,
            lambda params, part: pqn_loss(learner, params, part, values),
            RADAM,
            shuffle_key,
        )
        state = OnPolicyState(*trained, join(episodes), state.updates + 1, values)
        return state, learning | ended

    def explore(state: OnPolicyState, observations: jax.Array) -> EpsilonGreedy:
        values = state.hyperparameters
        return learner.explore(state.params, observations, values, values["epsilon"])

    agent, groups = reactive(environment, explore), config.groups
    return make_acting(config, agent, init, update, config.rollout_size, groups=groups)


def make_valued(
    learner: QLearner, params: Any, trajectory: Trajectory, values: Hyperparameters
) -> Valued:
    """Turns `[time, environments]` steps into examples, with the parameters that acted.

    Returns:
        Leaves `[time * environments, ...]`.

    Source: Gallici et al. 2024 (arXiv 2407.04811), algorithm 1; Peng & Williams 1996
        (doi 10.1007/BF00114731).
    """
    both = jnp.stack([trajectory.observation, trajectory.final_observation])
    value, final_value = jnp.max(learner.q_value(params, both, values), axis=-1)
    paid = trajectory._replace(reward=values["reward_scale"] * trajectory.reward)
    discount, return_lambda = values["discount"], values["return_lambda"]
    advantage = advantages_in(paid, value, final_value, discount, return_lambda)
    examples = Valued(trajectory.observation, trajectory.action, advantage + value)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), examples)


def pqn_loss(
    learner: QLearner, params: Any, examples: Valued, values: Hyperparameters
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Half the mean squared error of the actions taken, and float32 scalars by name."""
    q_value = learner.q_value(params, examples.observation, values)
    chosen = jnp.take_along_axis(q_value, examples.action[:, None], axis=-1)[:, 0]
    loss = jnp.mean(optax.losses.l2_loss(chosen, examples.target))
    return loss, {"loss": loss, "q_value": jnp.mean(chosen)}
