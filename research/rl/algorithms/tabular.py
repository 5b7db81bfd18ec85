"""Learning action values in a table, step by step: SARSA, expected SARSA and Q-learning.

All three move Q(s, a) by α [r + γ V(s') - Q(s, a)]; they differ in V(s').
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from research.engine.artifacts import Artifact
from research.engine.experiment import Batch, Evaluation, Experiment, Hyperparameters, Key, State
from research.engine.metrics import Metrics, count, mean
from research.options.config import Config
from research.options.ranges import AMOUNT, COUNT, FRACTION, POSITIVE, Range
from research.rl import exploration
from research.rl.acting import scan_updates
from research.rl.algorithms.planning import compare_values
from research.rl.distributions import Categorical
from research.rl.environments.finite import FiniteMDP, known_figures
from research.rl.environments.interface import Environment, EnvironmentState
from research.rl.environments.registered import FINITE, make_environment, unfit
from research.rl.evaluation import run_episodes
from research.rl.playing import animate, first_episode, play_episode
from research.rl.policy import Agent, reactive
from research.rl.predicting import offer_agent

Method = Literal["q_learning", "sarsa", "expected_sarsa"]
Exploration = Literal["uniform", "epsilon_greedy", "softmax", "count_based"]


@dataclass(frozen=True)
class Tabular(Config):
    """Options of learning a table."""

    environment: Annotated[str, "where; observations are indices of states"] = "Maze-finite"
    method: Annotated[Method, "what an action's value is moved towards"] = "q_learning"
    exploration: Annotated[Exploration, "how actions are chosen"] = "epsilon_greedy"
    environment_steps: Annotated[int, "steps in all", AMOUNT] = 50_000
    steps_per_update: Annotated[int, "steps between two looks at the figures", COUNT] = 500
    decay_by_visit: Annotated[bool, "let the step size fall with visits, not with steps"] = False
    evaluation_episodes: Annotated[int, "episodes of the best actions in one evaluation", COUNT] = (
        64
    )
    step_size: Annotated[
        float, "how far a value is moved at the start", Range(0, 1, above=True)
    ] = 0.1
    step_size_decay: Annotated[float, "after n steps: the first / (1 + decay n)", AMOUNT] = 0.0
    discount: Annotated[float, "weight of the next state's value", FRACTION] = 0.95
    epsilon: Annotated[
        float, "epsilon_greedy: share of random actions at the start", Range(0, 1)
    ] = 0.1
    epsilon_decay: Annotated[float, "after n steps: the first / (1 + decay n)", AMOUNT] = 0.0
    temperature: Annotated[float, "softmax: the higher, the more random", POSITIVE] = 1.0
    curiosity: Annotated[float, "count_based: what an action never tried is worth more", AMOUNT] = (
        10.0
    )

    @property
    def headline(self) -> str:
        """Of three states the value that the book prints."""
        return "q_s0_a0" if self.environment.startswith("ThreeStates") else ""

    @property
    def updates(self) -> int:
        """Updates in a whole run."""
        return self.environment_steps // self.steps_per_update

    def problems(self) -> list[str]:
        """An environment that does not fit."""
        return unfit(self.environment, continuous=False, tabular=True)

    def smoke(self) -> Self:
        """Thirty updates of ten steps."""
        return replace(self, environment_steps=300, steps_per_update=10, evaluation_episodes=2)

    def make(self) -> Experiment:
        """The chosen method in the chosen environment."""
        name = self.environment
        mdp = FINITE[name]().mdp if name in FINITE else None
        return make_tabular(make_environment(name), self, mdp)


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
    """Action values and probabilities in a state.

    Attributes:
        value: float32 `[actions]`, with a bonus where exploration gives one.
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
    environment: Environment, config: Tabular, mdp: FiniteMDP | None = None
) -> Experiment:
    """Learning a table in `environment`, whose observations are indices of states.

    The model, where it is known, has which actions are possible, and how near the values are to the
    truth. Learning does not look at it.

    Raises:
        ValueError: the observations are not indices of states.
    """
    if environment.states is None:
        raise ValueError(f"observations of {environment.name} are not indices of states")
    shape = (environment.states, environment.actions)
    allowed = np.ones(shape, bool) if mdp is None else mdp.possible | mdp.terminal[:, None]

    def choose(state: TabularState, observation: jax.Array) -> Choice:
        possible = jnp.asarray(allowed)[observation]
        value = jnp.where(possible, state.q_value[observation], -jnp.inf)
        values = state.hyperparameters
        if config.exploration == "uniform":
            return Choice(value, exploration.uniform(possible))
        if config.exploration == "softmax":
            return Choice(value, exploration.softmax(value, possible, values["temperature"]))
        if config.exploration == "count_based":
            visits = state.visits[observation]
            bonus = exploration.with_bonus(value, visits, values["curiosity"])
            return Choice(bonus, exploration.epsilon_greedy(bonus, possible, 0.0))
        epsilon = exploration.decay(values["epsilon"], values["epsilon_decay"], state.steps)
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
        inner, outcome = environment.step(step_key, state.environment, state.action)
        # What follows in this episode, even where a time limit keeps it from being acted on.
        following = choose(state, outcome.final_observation)
        next_action = act(following_key, following)
        future = TARGETS[config.method](following, next_action)
        target = outcome.reward + values["discount"] * jnp.where(outcome.terminated, 0.0, future)
        times = state.visits[at] if config.decay_by_visit else state.steps
        step_size = exploration.decay(values["step_size"], values["step_size_decay"], times)
        error = target - state.q_value[at]
        done = outcome.ended
        episode_return = state.episode_return + outcome.reward
        state = state._replace(
            q_value=state.q_value.at[at].add(step_size * error),
            visits=state.visits.at[at].add(1),
            environment=inner,
            observation=outcome.observation,
            episode_return=jnp.where(done, 0.0, episode_return),
            steps=state.steps + 1,
        )
        first_action = act(action_key, choose(state, outcome.observation))
        state = state._replace(action=jnp.where(done, first_action, next_action))
        return state, {
            "temporal_difference_error": mean(jnp.abs(error)),
            "episode_return": mean(episode_return, done),
            "episodes": count(done),
        }

    def update(state: TabularState, batch: Batch, key: Key) -> tuple[TabularState, Metrics]:
        del batch
        return scan_updates(learn, state, jax.random.split(key, config.steps_per_update))

    def act_greedily(state: TabularState, observations: jax.Array) -> Categorical:
        # What is learned is the value of the best actions: exploring belongs to learning alone.
        possible = jnp.asarray(allowed)[observations]
        best = jnp.argmax(jnp.where(possible, state.q_value[observations], -jnp.inf), axis=-1)
        return Categorical(jnp.log(jax.nn.one_hot(best, environment.actions)))

    agent = reactive(environment, act_greedily)

    def evaluate(state: TabularState, batch: Batch, key: Key) -> Metrics:
        del batch
        played = run_episodes(environment, agent.policy(state), key, config.evaluation_episodes)
        return {
            "episode_return": mean(played.episode_return, played.finished),
            "episode_length": mean(played.episode_length.astype(jnp.float32), played.finished),
            "episodes": count(played.finished),
        }

    def judge(state: TabularState, evaluation: Evaluation, key: Key) -> dict[str, float]:
        del evaluation, key
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
        steps=config.updates,
        items_per_step=config.steps_per_update,
        items="environment steps",
        evaluate_every=max(1, config.updates // 10),
        watched=("evaluation",),
        final=("evaluation",),
        judge=judge,
        artifacts=artifacts,
        offers=offer_agent(agent),
    )


def show_table(
    agent: Agent, state: State, key: Key, mdp: FiniteMDP | None, discount: float
) -> dict[str, Artifact]:
    """An episode, where the environment can be drawn, and values beside the exact ones.

    The state holds `q_value`, float32 `[states, actions]`; `discount` is γ of the values.
    """
    made: dict[str, Artifact] = {}
    environment = agent.environment
    if environment.renderer:

        def play(state: State, key: Key) -> tuple:
            longest = environment.longest_episode
            return play_episode(environment, agent.policy(state), key, longest)

        played = first_episode(*jax.device_get(jax.jit(play)(state, key)))
        made["episode"] = animate(played, environment.renderer)
    if mdp is not None:
        made["values"] = compare_values(mdp, np.asarray(state.q_value), discount)
    return made
