"""An experiment of a fixed policy, evaluated as those that learn."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, maximum, mean
from research.rl.distributions import Categorical
from research.rl.environments.interface import Environment
from research.rl.evaluation import run_episodes
from research.rl.playing import show_policy
from research.rl.policy import reactive
from research.rl.predicting import offer_agent


def make_fixed_policy(
    environment: Environment,
    policy: Callable[[Hyperparameters, jax.Array], Categorical],
    episodes: int,
) -> Experiment:
    """An experiment without updates, whose evaluation plays the policy's most probable actions.

    Its evaluation, of at least two episodes, gives the mean return, its standard deviation over the
    episodes (`return_deviation`, divided by their number less one) and the largest. The policy is
    (hyperparameters, which are the state; observations) -> distributions of actions.
    """
    agent = reactive(environment, policy)

    def init(key: Key, hyperparameters: Hyperparameters) -> Hyperparameters:
        del key
        return hyperparameters

    def update(values: Hyperparameters, batch: Batch, key: Key) -> tuple[Hyperparameters, Metrics]:
        del batch, key
        return values, {}

    def evaluate(values: Hyperparameters, batch: Batch, key: Key) -> Metrics:
        del batch
        played = run_episodes(environment, agent.policy(values), key, episodes)
        return {
            "episode_return": mean(played.episode_return, played.finished),
            "return_deviation": mean(jnp.std(played.episode_return, ddof=1)),
            "largest_return": maximum(played.episode_return),
            "episodes": count(played.finished),
        }

    def artifacts(values: Hyperparameters, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation
        return show_policy(agent, values, key, episodes)

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=0,
        items_per_step=1,
        items="updates",
        watched=("evaluation",),
        final=("evaluation",),
        artifacts=artifacts,
        offers=offer_agent(agent),
    )
