"""PPO that is curious: random network distillation (Burda et al. 2018, arXiv 1810.12894).

Rewards of the task make one advantage, intrinsic ones another, with a discount and a value function
each; the policy follows their weighted sum. All else is `ppo.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join
from research.engine.metrics import Metrics, mean
from research.rl.acting import make_acting
from research.rl.agent import Agent
from research.rl.algorithms.ppo import (
    Judged,
    PPOState,
    Sizes,
    begin,
    learn,
    memoryless_learner,
    play,
    policy_of,
)
from research.rl.curiosity import (
    Curiosity,
    endless_advantages,
    learn_to_predict,
    make_distillation,
    remember,
    start_curiosity,
    wonder,
)
from research.rl.environments.actions import clip_actions
from research.rl.environments.environment import Environment
from research.rl.examples import Examples, make_examples
from research.rl.network import PolicyAndTwoValues, spaces
from research.rl.normalisation import Statistics, normalise_observations
from research.rl.policy import Policy
from research.rl.rollout import Episodes, Trajectory, collect


class CuriousPPOState(NamedTuple):
    """All that the next update depends on: what PPO has, and curiosity.

    Attributes:
        params: as `PPOState`, those of policy and both values.
        opt_state: as `PPOState`.
        hyperparameters: as `PPOState`.
        episodes: as `PPOState`.
        updates: as `PPOState`.
        statistics: as `PPOState`.
        running: as `PPOState`.
        curiosity: what is no longer new.
    """

    params: Any
    opt_state: optax.OptState
    hyperparameters: Hyperparameters
    episodes: Episodes
    updates: jax.Array
    statistics: Statistics
    running: jax.Array | None
    curiosity: Curiosity

    @property
    def ppo(self) -> PPOState:
        """All but curiosity."""
        return PPOState(*self[:-1])


def make_curious_ppo(
    environment: Environment,
    sizes: Sizes,
    random_features: int,
    warmup_steps: int,
    hyperparameters: Mapping[str, float],
) -> Experiment:
    """PPO in `environment`, drawn to what it cannot predict.

    Args:
        environment: where.
        sizes: shapes and loops.
        random_features: numbers that the random network makes of an observation.
        warmup_steps: steps in each environment, by a policy that has learned nothing, by which
            observations are normalised at first (section 2.4).
        hyperparameters: as `make_proximal`, and `extrinsic_weight`, `intrinsic_weight`,
            `intrinsic_discount`, `predictor_learning_rate`.
    """
    environment = clip_actions(environment)
    network = PolicyAndTwoValues(units=sizes.units, channels=sizes.channels, **spaces(environment))
    learner = memoryless_learner(network)
    networks = make_distillation(environment, sizes.units, random_features, sizes.channels)

    def init(key: Key, hyperparameters: Hyperparameters) -> CuriousPPOState:
        ppo_key, curiosity_key, warmup_key = jax.random.split(key, 3)
        ppo = begin(environment, sizes, learner, ppo_key, hyperparameters)
        _, seen = collect(
            environment, policy_of(learner, ppo), ppo.episodes, warmup_key, warmup_steps
        )
        curiosity = start_curiosity(
            networks, curiosity_key, seen.final_observation, sizes.environments
        )
        return CuriousPPOState(*ppo, curiosity)

    def update(state: CuriousPPOState, batch: Batch, key: Key) -> tuple[CuriousPPOState, Metrics]:
        del batch
        ppo_key, predictor_key = jax.random.split(key)
        rollout_key, shuffle_key = jax.random.split(ppo_key)
        ppo, curiosity, rates = state.ppo, state.curiosity, state.hyperparameters

        def judge(
            begun: Episodes,
            trajectory: Trajectory,
            normal: Trajectory,
            after: Episodes,
            running: jax.Array,
        ) -> Judged:
            del begun
            seen = wonder(
                networks,
                curiosity,
                running,
                trajectory.final_observation,
                rates["intrinsic_discount"],
            )
            following = normalise_observations(after.observations, ppo.statistics.observations)
            examples = make_curious_examples(
                network, ppo.params, normal, following, seen.reward, rates
            )
            shown = seen.shown.reshape(-1, *seen.shown.shape[2:])
            return Judged(
                examples,
                {"intrinsic_reward": mean(seen.reward)},
                (seen.observations, seen.returns),
                (shown, seen.running),
            )

        ppo_after, judged = play(
            environment,
            sizes,
            policy_of(learner, ppo),
            ppo,
            judge,
            rollout_key,
            curiosity.running,
        )
        params, opt_state, learning = learn(network, sizes, ppo, judged.examples, shuffle_key)
        (shown, running), (observations, returns) = judged.kept, judged.moments
        curiosity, error = learn_to_predict(
            networks,
            curiosity,
            shown,
            rates["predictor_learning_rate"],
            sizes.minibatch_size,
            predictor_key,
        )
        ppo_after = ppo_after._replace(params=params, opt_state=opt_state, updates=ppo.updates + 1)
        curiosity = remember(curiosity, observations, returns, join(running))
        metrics = learning | judged.metrics | {"prediction_error": error}
        return CuriousPPOState(*ppo_after, curiosity), metrics

    def policy(state: CuriousPPOState) -> Policy:
        return policy_of(learner, state.ppo)

    return make_acting(
        Agent(environment, policy),
        init,
        update,
        updates=sizes.updates,
        items_per_update=sizes.environments * sizes.rollout_steps,
        evaluation_episodes=sizes.evaluation_episodes,
        hyperparameters=hyperparameters,
        groups=sizes.groups,
    )


def make_curious_examples(
    network: PolicyAndTwoValues,
    params: Any,
    trajectory: Trajectory,
    following: jax.Array,
    intrinsic_reward: jax.Array,
    hyperparameters: Hyperparameters,
) -> Examples:
    """Turns `[time, environments]` steps into examples of two rewards.

    Args:
        network: policy and both values.
        params: its parameters, those that acted.
        trajectory: what happened.
        following: `[environments, *observation_shape]`, what is acted on after it.
        intrinsic_reward: float32 `[time, environments]`.
        hyperparameters: `discount`, `intrinsic_discount`, `gae_lambda`, `extrinsic_weight` and
            `intrinsic_weight`.

    Returns:
        Leaves `[time * environments, ...]`; targets and values are `[time * environments, 2]`,
        those of the task first.

    Source: section 2.3; section 3.4 for weights.
    """
    task = make_examples(network, params, trajectory, hyperparameters)
    acted_on = jnp.concatenate([trajectory.observation, following[None]])
    value = network.apply(params, acted_on, method="intrinsic_value")
    advantage = endless_advantages(
        intrinsic_reward,
        value,
        hyperparameters["intrinsic_discount"],
        hyperparameters["gae_lambda"],
    )
    flat, value = advantage.reshape(-1), value[:-1].reshape(-1)
    values = [task.target - task.advantage, value]
    return task._replace(
        advantage=hyperparameters["extrinsic_weight"] * task.advantage
        + hyperparameters["intrinsic_weight"] * flat,
        target=jnp.stack([task.target, flat + value], axis=-1),
        value=jnp.stack(values, axis=-1),
    )
