"""PPO balances a pole: environments, rollout and updates in one compiled program.

Eight CartPole-v1 environments (gymnax) are played for 32 steps; a policy and a value network,
64-64 tanh each, then learn from these 256 steps in 20 full-batch passes. That is one update. A time
limit is no failure: where an episode is cut after 500 steps, its last state keeps its value.
The evaluation plays 64 episodes with the policy's most probable actions (`episode_return`), and
64 with actions drawn from it (`stochastic_episode_return`). The most that an episode can give
is 500. Settings follow rl-baselines3-zoo, whose PPO reaches 500 as well.

Run: python launch.py run rl/cartpole_ppo
Expected: evaluation episode_return 500, stochastic_episode_return 500 (rl-baselines3-zoo: 500)
Time: 6 s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from research.engine.experiment import Experiment
from research.engine.hyperparameters import floats
from research.ranges import AMOUNT, COUNT, POSITIVE, Range, out_of_range, undivided
from research.rl.algorithms.ppo import Sizes, make_ppo
from research.rl.environments.registered import make_environment


@dataclass(frozen=True)
class Config:
    """What can be chosen."""

    environment_steps: Annotated[int, "steps in all environments together"] = 200_000
    environments: Annotated[int, "environments stepped together"] = 8
    groups: Annotated[int, "equal parts of the environments, which devices can share"] = 1
    rollout_steps: Annotated[int, "steps in each environment between two updates"] = 32
    epochs: Annotated[int, "passes over each rollout"] = 20
    minibatch_size: Annotated[int, "examples in one gradient step"] = 256
    units: Annotated[int, "units of each hidden layer"] = 64
    layers: Annotated[int, "hidden layers of the policy, and of the value function"] = 2
    anneal: Annotated[bool, "let learning rate and clip range fall linearly to 0"] = False
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation"] = 64
    learning_rate: Annotated[float, "Adam's step size at the start"] = 1e-3
    discount: Annotated[float, "weight of the next step's value"] = 0.98
    gae_lambda: Annotated[float, "decay of the advantage estimate's trace"] = 0.8
    clip_range: Annotated[float, "how far a probability ratio counts, at the start"] = 0.2
    entropy_weight: Annotated[float, "weight of the policy's entropy"] = 0.0
    value_weight: Annotated[float, "weight of the value function's squared error"] = 0.5
    max_gradient_norm: Annotated[float, "global norm that gradients are clipped to"] = 0.5


def validate(config: Config) -> list[str]:
    """What is out of range, a message each."""
    problems = out_of_range(
        config,
        {
            "environment_steps": AMOUNT,
            "environments": COUNT,
            "groups": COUNT,
            "rollout_steps": COUNT,
            "epochs": COUNT,
            "minibatch_size": COUNT,
            "units": COUNT,
            "layers": COUNT,
            "evaluation_episodes": COUNT,
            "learning_rate": POSITIVE,
            "discount": Range(0, 1),
            "gae_lambda": Range(0, 1),
            "clip_range": POSITIVE,
            "entropy_weight": AMOUNT,
            "value_weight": AMOUNT,
            "max_gradient_norm": POSITIVE,
        },
    )
    batch = config.environments * config.rollout_steps
    if batch > 0 and config.minibatch_size > 0 and batch % config.minibatch_size:
        problems.append(
            f"--minibatch-size must divide --environments times --rollout-steps ({batch}): "
            f"{config.minibatch_size} does not"
        )
    return problems + undivided("groups", config, "environments", "minibatch_size")


def smoke(config: Config) -> Config:
    """Thirty small updates."""
    small = replace(config, environments=8, rollout_steps=8, minibatch_size=32, epochs=2, units=16)
    return replace(small, environment_steps=30 * 8 * 8, evaluation_episodes=4)


def make(config: Config) -> Experiment:
    """PPO on CartPole-v1."""
    sizes = Sizes(
        environments=config.environments,
        rollout_steps=config.rollout_steps,
        epochs=config.epochs,
        minibatch_size=config.minibatch_size,
        units=(config.units,) * config.layers,
        updates=config.environment_steps // (config.environments * config.rollout_steps),
        groups=config.groups,
        anneal=config.anneal,
        evaluation_episodes=config.evaluation_episodes,
    )
    return make_ppo(make_environment("CartPole-v1"), sizes, floats(config))
