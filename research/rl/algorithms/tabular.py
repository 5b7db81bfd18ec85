"""Learning action values in a table, step by step: SARSA, expected SARSA and Q-learning.

All three move Q(s, a) by α [r + γ · (what follows) - Q(s, a)]; they differ in what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key
from research.engine.metrics import Metrics, count, mean
from research.rl import exploration
from research.rl.acting import scan_updates
from research.rl.agent import reactive
from research.rl.distributions import Categorical
from research.rl.environments.environment import Environment, EnvironmentState
from research.rl.environments.finite import FiniteMDP, known_figures
from research.rl.evaluation import run_episodes
from research.rl.tabular_pictures import show_table

Method = Literal["q_learning", "sarsa", "expected_sarsa"]
Exploration = Literal["uniform", "epsilon_greedy", "softmax", "count_based"]


@dataclass(frozen=True)
class Sizes:
    """All that decides shapes and loops.

    Attributes:
        updates: how many in a whole run.
        steps: environment steps in each.
        method: what follows.
        exploration: how actions are chosen.
        decay_by_visit: whether the step size falls with the visits of a state and action, instead
            of with all steps.
        evaluation_episodes: episodes in one evaluation.
    """

    updates: int
    steps: int
    method: Method = "q_learning"
    exploration: Exploration = "epsilon_greedy"
    decay_by_visit: bool = False
    evaluation_episodes: int = 64


class TabularState(NamedTuple):
    """All that the next step depends on.

    Attributes:
        q_value: float32 `[states, actions]`.
        visits: int32 `[states, actions]`, how often each action was taken in each state.
        environment: the environment's state.
        observation: int32 scalar, the state that is acted in next.
        action: int32 scalar, the action that will be taken there.
        episode_return: float32 scalar, rewards of the running episode so far.
        steps: int32 scalar, steps made.
        hyperparameters: name -> float32 scalar.
    """

    q_value: jax.Array
    visits: jax.Array
    environment: EnvironmentState
    observation: jax.Array
    action: jax.Array
    episode_return: jax.Array
    steps: jax.Array
    hyperparameters: Hyperparameters


class Choice(NamedTuple):
    """How actions are chosen in a state.

    Attributes:
        value: float32 `[actions]`, what they are taken to be worth.
        probability: float32 `[actions]`.
    """

    value: jax.Array
    probability: jax.Array


def q_learning_target(choice: Choice, action: jax.Array) -> jax.Array:
    """max_a' Q(s', a'), whatever will be done (Watkins 1989; Sutton & Barto 2018, eq. 6.8)."""
    del action
    return jnp.max(choice.value)


def sarsa_target(choice: Choice, action: jax.Array) -> jax.Array:
    """Q(s', a') of the action that will be taken (Rummery & Niranjan 1994; S & B eq. 6.7)."""
    return choice.value[action]


def expected_sarsa_target(choice: Choice, action: jax.Array) -> jax.Array:
    """Σ_a' π(a' | s') Q(s', a') (van Seijen et al. 2009; Sutton & Barto 2018, eq. 6.9)."""
    del action
    usual = jnp.where(choice.probability > 0, choice.value, 0.0)
    return jnp.sum(choice.probability * usual)


TARGETS: dict[str, Callable[[Choice, jax.Array], jax.Array]] = {
    "q_learning": q_learning_target,
    "sarsa": sarsa_target,
    "expected_sarsa": expected_sarsa_target,
}


def make_tabular(
    environment: Environment,
    sizes: Sizes,
    hyperparameters: Mapping[str, float],
    mdp: FiniteMDP | None = None,
) -> Experiment:
    """Learning a table in `environment`, whose observations are numbers of states.

    Args:
        environment: where; it has `states`.
        sizes: shapes, loops and choices.
        hyperparameters: `step_size` and `step_size_decay`; `discount`; and what the exploration
            asks for: `epsilon` and `epsilon_decay`, `temperature`, or `curiosity`.
        mdp: the model, where it is known: says which actions are possible, and how near the
            values are to the truth. Learning does not look at it.

    Raises:
        ValueError: the observations are not numbers of states.
    """
    if environment.states is None:
        raise ValueError(f"observations of {environment.name} are not numbers of states")
    shape = (environment.states, environment.actions)
    allowed = np.ones(shape, bool) if mdp is None else mdp.possible | mdp.terminal[:, None]

    def choose(state: TabularState, observation: jax.Array) -> Choice:
        possible = jnp.asarray(allowed)[observation]
        value = jnp.where(possible, state.q_value[observation], -jnp.inf)
        values = state.hyperparameters
        if sizes.exploration == "uniform":
            return Choice(value, exploration.uniform(possible))
        if sizes.exploration == "softmax":
            return Choice(value, exploration.softmax(value, possible, values["temperature"]))
        if sizes.exploration == "count_based":
            visits = state.visits[observation]
            bonus = exploration.with_bonus(value, visits, values["curiosity"])
            return Choice(bonus, exploration.epsilon_greedy(bonus, possible, 0.0))
        epsilon = exploration.decayed(values["epsilon"], values["epsilon_decay"], state.steps)
        return Choice(value, exploration.epsilon_greedy(value, possible, epsilon))

    def act(key: Key, choice: Choice) -> jax.Array:
        return jax.random.categorical(key, jnp.log(choice.probability)).astype(jnp.int32)

    def init(key: Key, hyperparameters: Hyperparameters) -> TabularState:
        reset_key, action_key = jax.random.split(key)
        inner, observation = environment.reset(reset_key)
        state = TabularState(
            q_value=jnp.zeros(shape, jnp.float32),
            visits=jnp.zeros(shape, jnp.int32),
            environment=inner,
            observation=observation,
            action=jnp.int32(0),
            episode_return=jnp.float32(0),
            steps=jnp.int32(0),
            hyperparameters=hyperparameters,
        )
        return state._replace(action=act(action_key, choose(state, observation)))

    def learn(state: TabularState, key: Key) -> tuple[TabularState, Metrics]:
        step_key, following_key, action_key = jax.random.split(key, 3)
        values = state.hyperparameters
        at = (state.observation, state.action)
        inner, shown = environment.step(step_key, state.environment, state.action)
        # What follows in this episode, even where a time limit keeps it from being acted on.
        following = choose(state, shown.final_observation)
        next_action = act(following_key, following)
        future = TARGETS[sizes.method](following, next_action)
        target = shown.reward + values["discount"] * jnp.where(shown.terminated, 0.0, future)
        times = state.visits[at] if sizes.decay_by_visit else state.steps
        step_size = exploration.decayed(values["step_size"], values["step_size_decay"], times)
        error = target - state.q_value[at]
        done = shown.terminated | shown.truncated
        episode_return = state.episode_return + shown.reward
        state = state._replace(
            q_value=state.q_value.at[at].add(step_size * error),
            visits=state.visits.at[at].add(1),
            environment=inner,
            observation=shown.observation,
            episode_return=jnp.where(done, 0.0, episode_return),
            steps=state.steps + 1,
        )
        first_action = act(action_key, choose(state, shown.observation))
        state = state._replace(action=jnp.where(done, first_action, next_action))
        return state, {
            "temporal_difference_error": mean(jnp.abs(error)),
            "episode_return": mean(episode_return, done),
            "episodes": count(done),
        }

    def update(state: TabularState, batch: Batch, key: Key) -> tuple[TabularState, Metrics]:
        del batch
        return scan_updates(learn, state, jax.random.split(key, sizes.steps))

    def act_greedily(state: TabularState, observations: jax.Array) -> Categorical:
        # What is learned is the value of the best actions: exploring belongs to learning alone.
        possible = jnp.asarray(allowed)[observations]
        best = jnp.argmax(jnp.where(possible, state.q_value[observations], -jnp.inf), axis=-1)
        return Categorical(jnp.log(jax.nn.one_hot(best, environment.actions)))

    agent = reactive(environment, act_greedily)

    def evaluate(state: TabularState, batch: Batch, key: Key) -> Metrics:
        del batch

        played = run_episodes(environment, agent.policy(state), key, sizes.evaluation_episodes)
        return {
            "episode_return": mean(played.episode_return, played.finished),
            "episode_length": mean(played.episode_length.astype(jnp.float32), played.finished),
            "episodes": count(played.finished),
        }

    def measure(state: TabularState) -> dict[str, float]:
        if mdp is None:
            return {}
        discount = float(state.hyperparameters["discount"])
        return known_figures(mdp, np.asarray(state.q_value), discount)

    def artifacts(state: TabularState, evaluation: Evaluation, key: Key) -> dict[str, Artifact]:
        del evaluation
        discount = float(state.hyperparameters["discount"])
        return show_table(agent, state, key, mdp, discount)

    return Experiment(
        init=init,
        update=update,
        evaluate=evaluate,
        steps=sizes.updates,
        items_per_step=sizes.steps,
        items="environment steps",
        hyperparameters=hyperparameters,
        evaluate_every=max(1, sizes.updates // 10),
        watched=("evaluation",),
        final=("evaluation",),
        measure=measure,
        artifacts=artifacts,
        agent=agent,
    )
