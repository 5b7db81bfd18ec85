"""Searching for a policy as one searches for any vector: candidates are played, the best guide on.

No gradient is taken through a policy or an environment. A search proposes a population of vectors
and is told what each achieved; here each is the parameters of a small policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from research.engine.experiment import Batch, Experiment, Hyperparameters, Key
from research.engine.metrics import Count, Metrics, maximum, mean
from research.rl.acting import make_acting
from research.rl.agent import reactive
from research.rl.distributions import Categorical
from research.rl.environments.environment import Environment
from research.rl.vector_policy import make_vector_policy, play


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
class Sizes:
    """All that decides shapes and loops, but for what the search itself decides.

    Attributes:
        generations: updates in a whole run.
        candidates: vectors in a population.
        episodes: played by each candidate.
        trial_episodes: played by the answer and by the best so far, to choose between them.
        units: units of each hidden layer of the policy; none for a linear one.
        bias: whether the policy's last layer has a bias.
        evaluation_episodes: episodes of either kind in one evaluation.
    """

    generations: int
    candidates: int
    episodes: int
    trial_episodes: int
    units: tuple[int, ...] = ()
    bias: bool = False
    evaluation_episodes: int = 64


class PolicySearchState(NamedTuple):
    """All that the next generation depends on.

    Attributes:
        search: the state of the search.
        best: float32 `[parameters]`, the best answer so far.
        environment_steps: uint32 scalar, steps of all episodes that were played.
        hyperparameters: name -> float32 scalar.
    """

    search: Any
    best: jax.Array
    environment_steps: jax.Array
    hyperparameters: Hyperparameters


def make_policy_search(
    environment: Environment,
    make_search: Callable[[int], Search],
    sizes: Sizes,
    hyperparameters: Mapping[str, float],
) -> Experiment:
    """A search for a policy in `environment`: one update is one generation.

    The fitness of a candidate is its mean return over a few episodes, which start alike for all in
    a generation. It is noisy, and the largest of many is largely luck. So after each generation
    the search's answer and the best answer so far play fresh episodes, and the answer takes its
    place where it did better in these. The metric `deviation` is the standard deviation of a
    parameter over the candidates, mean over parameters: a search whose numbers overflow is seen by
    it, for episodes have finite returns whatever the actions.

    Args:
        environment: where; its actions are discrete.
        make_search: parameters of the policy -> the search; its populations have
            `sizes.candidates` members.
        sizes: shapes and loops.
        hyperparameters: starting values of what the search asks for.

    Raises:
        ValueError: the environment's steps in a whole run might be too many to be counted.
    """
    parameters, policy = make_vector_policy(environment, sizes.units, sizes.bias)
    search = make_search(parameters)
    episodes = sizes.candidates * sizes.episodes + 2 * sizes.trial_episodes
    if sizes.generations * episodes * environment.longest_episode >= 2**32:
        raise ValueError("more than 2**32 environment steps in a run cannot be counted")

    def init(key: Key, hyperparameters: Hyperparameters) -> PolicySearchState:
        state = search.init(key, hyperparameters)
        # Its own buffer: a state is given away whole, and no buffer can be given twice.
        best = jnp.copy(search.answer(state))
        return PolicySearchState(state, best, jnp.uint32(0), hyperparameters)

    def update(
        state: PolicySearchState, batch: Batch, key: Key
    ) -> tuple[PolicySearchState, Metrics]:
        del batch
        ask_key, play_key, tell_key, trial_key = jax.random.split(key, 4)
        values = state.hyperparameters
        inner, population = search.ask(state.search, ask_key, values)
        played = play(environment, policy, population, play_key, sizes.episodes)
        fitness = jnp.mean(played.episode_return, axis=1)
        inner = search.tell(inner, population, fitness, tell_key, values)
        rivals = jnp.stack([state.best, search.answer(inner)])
        trial = play(environment, policy, rivals, trial_key, sizes.trial_episodes)
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

    def told(state: PolicySearchState) -> Metrics:
        return {"environment_steps": mean(state.environment_steps.astype(jnp.float32))}

    return make_acting(
        reactive(environment, act),
        init,
        update,
        updates=sizes.generations,
        items_per_update=episodes,
        evaluation_episodes=sizes.evaluation_episodes,
        hyperparameters=hyperparameters,
        items="episodes",
        told=told,
    )
