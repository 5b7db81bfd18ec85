"""Policy search: black-box optimisation of a policy's parameters by its returns.

No gradient is taken through a policy or an environment. A search proposes a population of vectors
and learns what each achieved; here each is the parameters of a small policy.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Count, Metrics, maximum, mean
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, DEPTH, POSITIVE
from research.rl.acting import make_acting
from research.rl.distributions import Categorical
from research.rl.environments.interface import Environment
from research.rl.environments.registered import make_environment, unfit
from research.rl.evaluation import EpisodeReturns, run_episodes
from research.rl.network import features
from research.rl.policy import memoryless, reactive

VectorPolicy = Callable[[jax.Array, jax.Array], Categorical]
"""(vector `[parameters]`, observations `[..., *observation_shape]`) -> distributions of actions."""


class PolicyNetwork(nn.Module):
    """Logits of actions: dense layers with tanh between them.

    Attributes:
        units: units of each hidden layer.
        actions: the number of actions.
        bias: whether the last layer has a bias. Without one a linear policy is as good for an
            observation as its mirror image is for the mirrored one.
    """

    units: tuple[int, ...]
    actions: int
    bias: bool

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """float32 `[..., actions]` for inputs `[..., features]`."""
        hidden = inputs
        for units in self.units:
            hidden = jnp.tanh(nn.Dense(units)(hidden))
        return nn.Dense(self.actions, use_bias=self.bias)(hidden)


def make_vector_policy(
    environment: Environment, units: tuple[int, ...], bias: bool
) -> tuple[int, VectorPolicy]:
    """The number of parameters of a policy for `environment`, and the policy."""
    network = PolicyNetwork(units, environment.actions, bias)
    rank = len(environment.observation_shape)

    def flat(observation: jax.Array) -> jax.Array:
        if environment.states is not None:
            return features(observation, environment.states)
        return observation.reshape(*observation.shape[: observation.ndim - rank], -1)

    observation = jnp.zeros(environment.observation_shape, jnp.float32)
    if environment.states is not None:
        observation = observation.astype(jnp.int32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), flat(observation))
    zeros, unravel = ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes))

    def policy(vector: jax.Array, observations: jax.Array) -> Categorical:
        return Categorical(network.apply(unravel(vector), flat(observations)))

    return zeros.size, policy


def play(
    environment: Environment, policy: VectorPolicy, vectors: jax.Array, key: Key, episodes: int
) -> EpisodeReturns:
    """Whole episodes of the most probable actions of several policies, from the same states.

    `vectors` are float32 `[candidates, parameters]`, and leaves of the result `[candidates,
    episodes]`.
    """
    rivals = memoryless(lambda observations: jax.vmap(policy)(vectors, observations))
    return run_episodes(environment, rivals, key, episodes, rivals=len(vectors))


class Search(NamedTuple):
    """A way to maximise a function of vectors, four pure functions.

    Attributes:
        init: (key, hyperparameters) -> the state of the search.
        ask: (state, key, hyperparameters) -> (state, population `[candidates, parameters]`).
        tell: (state, population, fitness `[candidates]`, key, hyperparameters) -> state. Larger
            fitness is better.
        answer: (state) -> `[parameters]`, what the search takes for the best vector.
    """

    init: Callable[[Key, Hyperparameters], Any]
    ask: Callable[[Any, Key, Hyperparameters], tuple[Any, jax.Array]]
    tell: Callable[[Any, jax.Array, jax.Array, Key, Hyperparameters], Any]
    answer: Callable[[Any], jax.Array]


@dataclass(frozen=True)
class PolicySearch(Config):
    """Options of any search for a policy."""

    environment: Annotated[str, "its name; actions are discrete"] = "CartPole-v1"
    generations: Annotated[int, "populations that are played", AMOUNT] = 25
    candidates: Annotated[int, "policies in a population", COUNT] = 64
    episodes: Annotated[int, "played by each candidate", COUNT] = 4
    trial_episodes: Annotated[int, "played by an answer and the best before it", COUNT] = 16
    units: Annotated[int, "units of each hidden layer", COUNT] = 16
    layers: Annotated[
        int, "hidden layers of the policy; 0 for a linear one", DEPTH._replace(low=0)
    ] = 0
    bias: Annotated[bool, "let the policy's last layer have a bias"] = False
    evaluation_episodes: Annotated[int, "episodes of either kind in one evaluation", COUNT] = 64
    deviation: Annotated[
        float, "standard deviation of what is first drawn for each parameter", POSITIVE
    ] = 1.0

    @property
    def updates(self) -> int:
        """Updates in a whole run."""
        return self.generations

    @abstractmethod
    def search(self, parameters: int) -> Search:
        """The search among policies of so many parameters, `candidates` at a time."""

    def problems(self) -> list[str]:
        """An environment that does not fit."""
        return unfit(self.environment, continuous=False)

    def smoke(self) -> Self:
        """Thirty small generations."""
        small = replace(self, generations=30, candidates=6, episodes=2, trial_episodes=2)
        return replace(small, units=4, evaluation_episodes=4)

    def make(self) -> Experiment:
        """The search in the chosen environment."""
        return make_policy_search(make_environment(self.environment), self)


class PolicySearchState(NamedTuple):
    """All that the next generation depends on.

    Attributes:
        search: the state of the search.
        best: float32 `[parameters]`, the best answer so far.
        environment_steps: uint32 scalar, steps of all episodes that were played.
    """

    search: Any
    best: jax.Array
    environment_steps: jax.Array
    hyperparameters: Hyperparameters


def make_policy_search(environment: Environment, config: PolicySearch) -> Experiment:
    """A search for a policy in `environment`: one update is one generation.

    The fitness of a candidate is its mean return over a few episodes, which start alike for all in
    a generation. It is noisy, and the largest of many is largely luck. So after each generation the
    search's answer and the best answer so far play fresh episodes, and the answer takes its place
    where it did better in these. The metric `deviation` is the standard deviation of a parameter
    over the candidates, mean over parameters: a search whose parameters overflow shows in it, for
    episodes have finite returns whatever the actions.

    Raises:
        ValueError: the environment's steps in a whole run might be too many to be counted.
    """
    parameters, policy = make_vector_policy(
        environment, (config.units,) * config.layers, config.bias
    )
    search = config.search(parameters)
    episodes = config.candidates * config.episodes + 2 * config.trial_episodes
    if config.generations * episodes * environment.longest_episode >= 2**32:
        raise ValueError("more than 2**32 environment steps in a run cannot be counted")

    def init(key: Key, hyperparameters: Hyperparameters) -> PolicySearchState:
        state = search.init(key, hyperparameters)
        # Its own buffer: the state is donated, and no buffer can be donated twice.
        best = jnp.copy(search.answer(state))
        return PolicySearchState(state, best, jnp.uint32(0), hyperparameters)

    def update(
        state: PolicySearchState, batch: Batch, key: Key
    ) -> tuple[PolicySearchState, Metrics]:
        del batch
        ask_key, play_key, tell_key, trial_key = jax.random.split(key, 4)
        values = state.hyperparameters
        inner, population = search.ask(state.search, ask_key, values)
        played = play(environment, policy, population, play_key, config.episodes)
        fitness = jnp.mean(played.episode_return, axis=1)
        inner = search.tell(inner, population, fitness, tell_key, values)
        rivals = jnp.stack([state.best, search.answer(inner)])
        trial = play(environment, policy, rivals, trial_key, config.trial_episodes)
        better = jnp.mean(trial.episode_return[1]) > jnp.mean(trial.episode_return[0])
        steps = jnp.sum(played.episode_length) + jnp.sum(trial.episode_length)
        state = PolicySearchState(
            search=inner,
            best=jnp.where(better, rivals[1], rivals[0]),
            environment_steps=state.environment_steps + steps.astype(jnp.uint32),
            hyperparameters=values,
        )
        return state, {
            "fitness": mean(fitness),
            "best_fitness": maximum(fitness),
            "deviation": mean(jnp.std(population, axis=0)),
            "environment_steps": Count(steps.astype(jnp.float32)),
        }

    def act(state: PolicySearchState, observations: jax.Array) -> Categorical:
        return policy(state.best, observations)

    def count_steps(state: PolicySearchState) -> Metrics:
        return {"environment_steps": mean(state.environment_steps.astype(jnp.float32))}

    agent = reactive(environment, act)
    return make_acting(config, agent, init, update, episodes, items="episodes", more=count_steps)
