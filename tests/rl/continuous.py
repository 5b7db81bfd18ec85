"""What tests of vector actions share: environments with known values, and training in one call."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.experiment import Experiment
from research.engine.metrics import read
from research.options.config import make_experiment
from research.rl.environments.interface import Box, Environment, TimeStep
from research.rl.off_policy import ActorCritic, OffPolicyState, make_off_policy

UNIT = Box(-np.ones(1, np.float32), np.ones(1, np.float32))
BEST = 0.3
TOGETHER = 16
"""Steps of all environments in one update of `SMALL`."""
SMALL = {
    "environment_steps": 150 * TOGETHER,
    "environments": 4,
    "steps_per_update": 4,
    "gradient_steps": 8,
    "batch_size": 32,
    "replay_size": 1000,
    "learning_starts": 8 * TOGETHER,
    "units": 16,
    "evaluation_episodes": 4,
    "learning_rate": 3e-3,
    "discount": 0.5,
    "target_rate": 0.05,
}
"""What all configs under test have."""


def dial() -> Environment:
    """One-step episodes: action a pays -(a - 0.3)²."""

    def reset(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.key_data(key)[0], jnp.ones(1, jnp.float32)

    def step(key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, TimeStep]:
        after, observation = reset(key)
        reward = -jnp.square(action[0] - BEST)
        return after, TimeStep(observation, reward, jnp.bool_(True), jnp.bool_(False), observation)

    return Environment("dial", reset, step, (1,), UNIT, 1)


def made(environment: Environment, config: ActorCritic) -> Experiment:
    """The experiment of a config, in an environment without a name."""
    return make_experiment(
        config, lambda blind: make_off_policy(environment, cast(ActorCritic, blind))
    )


def learn(experiment: Experiment, changes: dict[str, jax.Array]) -> OffPolicyState:
    """A whole run, some hyper-parameters changed; to be compiled."""
    values = {name: jnp.float32(value) for name, value in experiment.hyperparameters.items()}
    start = experiment.init(jax.random.key(0), values | changes)
    keys = jax.random.split(jax.random.key(1), experiment.steps)
    return jax.lax.scan(lambda s, k: (experiment.update(s, None, k)[0], None), start, keys)[0]


def train(experiment: Experiment) -> OffPolicyState:
    return jax.jit(lambda: learn(experiment, {}))()


def greedy_return(experiment: Experiment, state: OffPolicyState) -> float:
    figure = read(experiment.evaluate(state, None, jax.random.key(1)))["episode_return"]
    assert isinstance(figure, float)
    return figure


def constant_critics(params: Any, values: list[float]) -> Any:
    """Critics that say these values whatever they are shown."""
    layers = dict(jax.tree.map(jnp.zeros_like, params)["params"])
    for index, value in enumerate(values):
        critic = dict(layers[f"critic_{index}"])
        last = max(critic)
        critic[last] = {**critic[last], "bias": jnp.full(1, value)}
        layers[f"critic_{index}"] = critic
    return {"params": layers}
