"""Environment steps per second of rejax's PPO or DQN in one jitted loop, evaluation off.

`--members N` trains N seeds at once by `vmap`, as its documentation does. PPO: 4 epochs of 4
minibatches but where said, 64-64 tanh; with `--channels` policy and value function begin with a
3 x 3 convolution, in flax as a user of rejax would write it. DQN: the settings that rejax has for
CartPole (10 environments, replay of 50,000, 5 minibatches of 100, duelling double 64-64).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import distrax
import jax
from flax import linen as nn
from rejax import get_algo
from serving import serve


class Torso(nn.Module):
    """A convolution and a dense layer, then the outputs."""

    channels: int
    units: int
    outputs: int

    @nn.compact
    def __call__(self, observation: jax.Array) -> jax.Array:
        """For images `[batch, height, width, channels]`."""
        hidden = nn.relu(nn.Conv(self.channels, (3, 3), padding="VALID")(observation))
        hidden = nn.tanh(nn.Dense(self.units)(hidden.reshape(hidden.shape[0], -1)))
        return nn.Dense(self.outputs)(hidden)


class Actor(nn.Module):
    """What rejax asks of a policy: drawn actions and what is known of given ones."""

    channels: int
    units: int
    actions: int

    def setup(self) -> None:
        """Logits."""
        self.torso = Torso(self.channels, self.units, self.actions)

    def __call__(self, observation: jax.Array, key: jax.Array) -> Any:
        """What initialises its parameters."""
        return self.action_log_prob(observation, key)

    def action_log_prob(self, observation: jax.Array, key: jax.Array) -> Any:
        """An action and its log-probability."""
        said = distrax.Categorical(logits=self.torso(observation))
        action = said.sample(seed=key)
        return action, said.log_prob(action)

    def log_prob_entropy(self, observation: jax.Array, action: jax.Array) -> Any:
        """The log-probability of an action, and the entropy."""
        said = distrax.Categorical(logits=self.torso(observation))
        return said.log_prob(action), said.entropy()


class Critic(nn.Module):
    """What rejax asks of a value function."""

    channels: int
    units: int

    @nn.compact
    def __call__(self, observation: jax.Array) -> jax.Array:
        """Values `[batch]`."""
        return Torso(self.channels, self.units, 1)(observation)[:, 0]


def ppo(options: argparse.Namespace) -> Any:
    """Rejax's PPO as the options say."""
    algorithm = get_algo("ppo").create(
        env=options.environment,
        agent_kwargs={"activation": "tanh"},
        num_envs=options.environments,
        num_steps=options.steps,
        num_epochs=4,
        num_minibatches=options.minibatches,
        learning_rate=options.learning_rate,
        gamma=options.discount,
        gae_lambda=options.gae_lambda,
        ent_coef=0.0,
        max_grad_norm=0.5,
    )
    if options.channels:
        algorithm = algorithm.replace(
            actor=Actor(options.channels, 128, algorithm.action_dim),
            critic=Critic(options.channels, 128),
        )
    return algorithm


def dqn() -> Any:
    """Rejax's DQN as it is configured there for CartPole."""
    return get_algo("dqn").create(
        env="CartPole-v1",
        agent="DuelingQNetwork",
        agent_kwargs={"activation": "swish"},
        num_envs=10,
        buffer_size=50_000,
        fill_buffer=5_000,
        batch_size=100,
        max_grad_norm=10,
        learning_rate=1e-3,
        num_epochs=5,
        total_timesteps=100_000,
        polyak=0.98,
        eps_start=1,
        eps_end=0.05,
        exploration_fraction=0.5,
        gamma=0.99,
        ddqn=True,
    )


def one_seed(iterate: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    """A compiled loop of so many iterations, whose bound is an argument."""

    @partial(jax.jit, donate_argnums=0)
    def loop(state: Any, steps: int) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, state: iterate(state), state)

    return loop


def main() -> None:
    """Serve rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm", choices=["ppo", "dqn"], default="ppo")
    parser.add_argument("--environment", default="CartPole-v1")
    parser.add_argument("--environments", type=int, default=4)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--minibatches", type=int, default=4)
    parser.add_argument("--channels", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--discount", type=float, default=0.98)
    parser.add_argument("--gae-lambda", type=float, default=0.8)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    options = parser.parse_args()
    algorithm = ppo(options) if options.algorithm == "ppo" else dqn()
    per_iteration = options.environments * options.steps if options.algorithm == "ppo" else 10

    # The bound is not mapped: a bound of each member's own would compute more than it needs.
    one = algorithm.train_iteration
    loop = one_seed(jax.vmap(one) if options.members > 1 else one)
    if options.members > 1:
        keys = jax.random.split(jax.random.PRNGKey(0), options.members)
        state = jax.jit(jax.vmap(algorithm.init_state))(keys)
    else:
        state = jax.jit(algorithm.init_state)(jax.random.PRNGKey(0))
    if options.algorithm == "dqn":
        # Until the replay is filled nothing is learned: that is not what is measured.
        state = loop(state, 600)

    def run(steps: int) -> None:
        nonlocal state
        state = jax.block_until_ready(loop(state, steps))

    what = f"rejax {version('rejax')}, gymnax {version('gymnax')}, JAX {jax.__version__}"
    serve(what, run, options.members * per_iteration, options.seconds)


if __name__ == "__main__":
    main()
