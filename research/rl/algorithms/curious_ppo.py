"""PPO that is curious: random network distillation (Burda et al. 2018, arXiv 1810.12894).

Rewards of the task make one advantage, intrinsic ones another, with a discount and a value function
each; the policy follows their weighted sum. All else is `ppo.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import optax

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.groups import join
from research.engine.metrics import Metrics, mean
from research.options.ranges import AMOUNT, COUNT, POSITIVE, Range
from research.rl.acting import make_acting
from research.rl.advantages import Examples, make_examples, memoryless_learner
from research.rl.algorithms.ppo import ADAM, PPO, learn
from research.rl.curiosity import (
    Curiosity,
    endless_advantages,
    learn_to_predict,
    make_distillation,
    measure_novelty,
    start_curiosity,
    update_moments,
)
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment
from research.rl.environments.wrappers import clip_actions
from research.rl.network import PolicyAndTwoValues, spaces
from research.rl.normalisation import Statistics, normalise_observations
from research.rl.on_policy import (
    ActorCriticState,
    Experience,
    Rollout,
    begin_actor_critic,
    play,
    policy_of,
)
from research.rl.policy import Agent, Policy
from research.rl.rollout import Episodes, Trajectory, collect


@dataclass(frozen=True)
class CuriousPPO(PPO):
    """Options: of the layers, the predictor of the random network has two more."""

    random_features: Annotated[int, "outputs of the random network for an observation", COUNT] = 64
    warmup_steps: Annotated[
        int, "random steps by which the two networks' input is scaled", COUNT
    ] = 128
    predictor_learning_rate: Annotated[float, "step size of what learns to predict", POSITIVE] = (
        1e-4
    )
    extrinsic_weight: Annotated[float, "weight of the advantage in rewards", AMOUNT] = 2.0
    intrinsic_weight: Annotated[float, "weight of the advantage in what is new", AMOUNT] = 1.0
    intrinsic_discount: Annotated[float, "weight of what is new in the next step", Range(0, 1)] = (
        0.99
    )

    def problems(self) -> list[str]:
        """As those of `PPO`; and something must be worth learning."""
        found = super().problems()
        if not found and self.extrinsic_weight == self.intrinsic_weight == 0:
            found.append(
                "--extrinsic-weight and --intrinsic-weight are both 0: there is nothing to learn "
                "from"
            )
        return found

    def smoke(self) -> Self:
        """Thirty small updates."""
        return replace(super().smoke(), random_features=8, warmup_steps=8)

    def make(self) -> Experiment:
        """Curious PPO in the chosen environment."""
        return make_curious_ppo(make_environment(self.environment), self)


class CuriousPPOState(NamedTuple):
    """All that the next update depends on: as `ActorCriticState`, and curiosity.

    Attributes:
        curiosity: networks and moments.
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
    def ppo(self) -> ActorCriticState:
        """All but curiosity."""
        return ActorCriticState(*self[:-1])


def make_curious_ppo(environment: Environment, config: CuriousPPO) -> Experiment:
    """PPO in `environment`, rewarded for what it cannot predict.

    At first observations are normalised by those of `warmup_steps` steps of a policy that has
    learned nothing (section 2.4).
    """
    environment = clip_actions(environment)
    network = PolicyAndTwoValues(
        units=config.hidden, channels=config.channels, **spaces(environment)
    )
    learner = memoryless_learner(network)
    networks = make_distillation(
        environment, config.hidden, config.random_features, config.channels
    )

    def init(key: Key, hyperparameters: Hyperparameters) -> CuriousPPOState:
        ppo_key, curiosity_key, warmup_key = jax.random.split(key, 3)
        ppo = begin_actor_critic(environment, config, learner, ADAM, ppo_key, hyperparameters)
        _, played = collect(
            environment, policy_of(learner, ppo), ppo.episodes, warmup_key, config.warmup_steps
        )
        curiosity = start_curiosity(
            networks, curiosity_key, played.final_observation, config.environments
        )
        return CuriousPPOState(*ppo, curiosity)

    def update(state: CuriousPPOState, batch: Batch, key: Key) -> tuple[CuriousPPOState, Metrics]:
        del batch
        ppo_key, predictor_key = jax.random.split(key)
        rollout_key, shuffle_key = jax.random.split(ppo_key)
        ppo, curiosity, values = state.ppo, state.curiosity, state.hyperparameters

        def learn_from(rollout: Rollout) -> Experience:
            novelty = measure_novelty(
                networks,
                curiosity,
                rollout.carried,
                rollout.trajectory.final_observation,
                values["intrinsic_discount"],
            )
            following = normalise_observations(
                rollout.after.observations, ppo.statistics.observations
            )
            examples = make_curious_examples(
                network, ppo.params, rollout.normalised, following, novelty.reward, values
            )
            inputs = novelty.inputs.reshape(-1, *novelty.inputs.shape[2:])
            return Experience(
                examples,
                {"intrinsic_reward": mean(novelty.reward)},
                (novelty.observations, novelty.returns),
                (inputs, novelty.running),
            )

        carried = curiosity.running
        after, made = play(environment, config, learner, ppo, learn_from, rollout_key, carried)
        trained, metrics = learn(network, config, ppo, made.examples, shuffle_key)
        (inputs, running), (observations, returns) = made.kept, made.moments
        curiosity, error = learn_to_predict(
            networks,
            curiosity,
            inputs,
            values["predictor_learning_rate"],
            config.minibatch_size,
            predictor_key,
        )
        after = after._replace(**trained._asdict(), updates=ppo.updates + 1)
        curiosity = update_moments(curiosity, observations, returns, join(running))
        metrics = metrics | made.metrics | {"prediction_error": error}
        return CuriousPPOState(*after, curiosity), metrics

    def policy(state: CuriousPPOState) -> Policy:
        return policy_of(learner, state.ppo)

    agent, groups = Agent(environment, policy), config.groups
    return make_acting(config, agent, init, update, config.rollout_size, groups=groups)


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
        params: those that acted.
        trajectory: leaves `[time, environments, ...]`.
        following: `[environments, *observation_shape]`, acted on after it.
        intrinsic_reward: float32 `[time, environments]`.
        hyperparameters: discounts, `gae_lambda`, and the weights of both.

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
