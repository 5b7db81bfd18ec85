"""Predicted actions are those that the agent takes in its environment, in its own unit."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine import keys
from research.errors import Mistake
from research.prediction import ROWS, by_rows, over_time
from research.rl.distributions import Categorical, Gaussian, SquashedGaussian
from research.rl.environments.action_names import ACTION_NAMES
from research.rl.environments.interface import Discrete
from research.rl.environments.registered import make_environment
from research.rl.environments.wrappers import clip_actions, scale_actions, stick_actions
from research.rl.playing import play
from research.rl.policy import Agent, Policy, reactive
from research.rl.predicting import make_predictor, read_observation
from research.rl.rollout import collect, start

CARTPOLE = make_environment("CartPole-v1")
PENDULUM = make_environment("Pendulum-v1")


def greedily(agent, state, steps):
    """The agent's own episodes, `[environments, time, ...]`: observations and actions."""

    def play(state, key):
        policy = agent.policy(state)
        begun = start(agent.environment, key, 3, policy.initial)
        return collect(agent.environment, policy, begun, key, steps, greedy=True)[1]

    played = jax.device_get(jax.jit(play)(state, jax.random.key(3)))
    return (np.swapaxes(part, 0, 1) for part in (played.observation, played.action, played.ended))


def lean(state, seen):
    return Categorical(jnp.stack([seen @ state, jnp.zeros(seen.shape[:-1])], -1))


def test_a_predicted_action_is_the_one_taken_in_greedy_play():
    agent, state = reactive(CARTPOLE, lean), jnp.array([0.1, 0.2, -1.0, -1.0])
    observed, taken, _ = greedily(agent, state, 200)
    predict = by_rows(make_predictor(agent))
    made = predict(state, {"observation": observed.reshape(-1, 4)})
    np.testing.assert_array_equal(made["action"], taken.reshape(-1))
    assert made["action"].dtype == np.int32 and 20 < taken.sum() < taken.size - 20
    np.testing.assert_allclose(
        made["probability"][:, 0], 1 / (1 + np.exp(-observed.reshape(-1, 4) @ state)), rtol=1e-5
    )
    other = predict(-state, {"observation": observed.reshape(-1, 4)})
    assert (other["action"] != taken.reshape(-1)).any()


@pytest.mark.parametrize(
    ("wrap", "distribution", "own"),
    [(scale_actions, SquashedGaussian, lambda mean: 2 * np.tanh(mean)),
     (scale_actions, Gaussian, lambda mean: 2 * np.clip(mean, -1, 1)),
     (clip_actions, Gaussian, lambda mean: np.clip(mean, -2, 2))],
)  # fmt: skip
def test_a_vector_is_in_the_environments_own_unit_and_nine_in_ten_lie_between(
    wrap, distribution, own
):
    wrapped = wrap(PENDULUM)

    def push(state, seen):
        return distribution(state * seen[..., :1], jnp.full_like(seen[..., :1], -1.5))

    agent, state = reactive(wrapped, push), jnp.float32(2.0)
    predictor = make_predictor(agent)
    assert predictor.outputs.bounds == ((-2.0, 2.0),) and predictor.outputs.names == ()
    seen = np.linspace(-2, 2, 3 * ROWS, dtype=np.float32).reshape(ROWS, 3)
    made = by_rows(predictor)(state, {"observation": seen})
    np.testing.assert_allclose(made["action"], own(2 * seen[:, :1]), rtol=1e-6)
    several = push(state, seen).sample(jax.random.normal(jax.random.key(2), (4000, ROWS, 1)))
    drawn = np.asarray(wrapped.own_action(several))
    within = ((made["low"] <= drawn) & (drawn <= made["high"])).mean(axis=0)
    inner = (made["low"] > -2) & (made["high"] < 2)
    np.testing.assert_allclose(within[inner], 0.9, atol=0.03)
    assert (within > 0.87).all() and inner.sum() > 3


def test_a_memory_is_carried_from_step_to_step_of_an_episode():
    def policy(state):
        def act(memory, seen):
            memory = 0.5 * memory + seen[..., 2]
            return memory, Categorical(jnp.stack([-memory * state, memory], -1))

        return Policy(act, jnp.float32(0.0))

    agent = Agent(CARTPOLE, policy)
    predictor = make_predictor(agent, jnp.float32(0.0))
    assert list(predictor.carried) == ["memory"]
    observed, taken, ended = greedily(agent, jnp.float32(1.0), 60)
    steps = [*over_time(predictor, by_rows(predictor))(jnp.float32(1.0), {"observation": observed})]
    made = np.stack([step["action"] for step in steps], axis=1)
    first = ended.argmax(axis=1)
    assert (first > 8).all()
    for row, end in enumerate(first):
        np.testing.assert_array_equal(made[row, : end + 1], taken[row, : end + 1])
    # The control: without what it remembers it would have acted otherwise.
    forgetful = (observed[..., 2] > 0).astype(np.int32)
    assert any((forgetful[row, :end] != taken[row, :end]).any() for row, end in enumerate(first))


@pytest.mark.slow
def test_the_first_observations_are_those_of_the_episode_that_play_shows():
    agent, state = reactive(CARTPOLE, lean), jnp.array([0.1, 0.2, -1.0, -1.0])
    met = make_predictor(agent).meet(state, 5)
    (played,) = play(agent, state, keys.stream(0, "play"), 1, stochastic=False)
    np.testing.assert_array_equal(met["observation"], played.observations[:5])


@pytest.mark.parametrize("name", ACTION_NAMES)
def test_every_action_has_a_name_where_one_has(name):
    environment = make_environment(name)
    assert isinstance(environment.action_space, Discrete)
    assert len(environment.action_names) == environment.actions
    assert stick_actions(environment, 0.25).action_names == environment.action_names


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("CartPole-v1", 1),
        ("Maze-finite", None),
        pytest.param("MountainCar-v0", 0, marks=pytest.mark.slow),
    ],
)
def test_left_is_left_and_right_is_right(name, where):
    environment = make_environment(name)

    @jax.jit
    def after(action):
        state, _ = environment.reset(jax.random.key(0))
        if where is None:  # in the middle of a row of the maze
            state = state._replace(position=jnp.int32(1))
        step = environment.step(jax.random.key(1), state, action)[1]
        return jnp.ravel(step.observation)[where or 0]

    left, right = (after(environment.action_names.index(word)) for word in ("left", "right"))
    assert left < right


def test_an_observation_is_numbers_in_any_nesting_or_a_file_of_them(tmp_path):
    image = make_environment("Breakout-MinAtar")
    numbers = np.arange(400).reshape(10, 10, 4)
    (tmp_path / "seen.json").write_text(json.dumps(numbers.tolist()))
    own = read_observation(str(tmp_path / "seen.json"), image)
    assert own.name == "seen.json" and own.inputs["observation"].dtype == np.float32
    np.testing.assert_array_equal(own.inputs["observation"][0], numbers)
    flat = read_observation(json.dumps(numbers.ravel().tolist()), image)
    np.testing.assert_array_equal(flat.inputs["observation"], own.inputs["observation"])
    bare = read_observation("0.1, 0,-2,3e-1", CARTPOLE).inputs["observation"]
    np.testing.assert_array_equal(bare, np.float32([[0.1, 0, -2, 0.3]]))
    steps = read_observation("[[1,2,3,4],[5,6,7,8]]", CARTPOLE, in_time=True).inputs["observation"]
    assert steps.shape == (1, 2, 4)
    assert read_observation("[1,2,3,4]", CARTPOLE, in_time=True).inputs["observation"].shape == (
        1, 1, 4,
    )  # fmt: skip
    maze = make_environment("Maze-finite")
    assert read_observation("7", maze).inputs["observation"].tolist() == [7]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("[1, 2, 3]", "has 3 numbers; this model takes an observation of CartPole-v1: 4 numbers"),
        ("[1]", "has 1 number;"),
        ("[[1, 2], [3, 4, 5]]", "lists are not of one length"),
        ('[1, 2, "a", 4]', '"a" is no number'),
        ("[1, 2, true, 4]", "true is no number"),
        ("[1, 2, NaN, 4]", "NaN is not finite"),
        ("[1, 2, 1e39, 4]", "1e+39 is not finite"),
        (f"[1, 2, 1{'0' * 400}, 4]", "10000000000000000000 is not finite"),
        ("push", "push is no list of numbers"),
        ("gone.json", "there is no file gone.json"),
        ("[]", "has 0 numbers"),
    ],
)
def test_what_is_no_observation_is_refused(word, says):
    with pytest.raises(Mistake, match="^[^\n]*$") as refused:
        read_observation(word, CARTPOLE)
    assert says in str(refused.value)


@pytest.mark.parametrize("word", ["43", "-1", "1.5"])
def test_a_state_that_does_not_exist_is_refused(word):
    with pytest.raises(Mistake, match=f"{word} is no state; .* a number from 0 to 42"):
        read_observation(word, make_environment("Maze-finite"))
