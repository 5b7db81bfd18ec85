"""Episodes of an agent: whole, its own, and those of the policy that the experiment evaluates."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.rl import cartpole_dqn, cartpole_ppo, maze_q_learning
from research.engine import metrics
from research.engine.experiment import traced
from research.options.config import make_experiment
from research.rl.distributions import Categorical, Gaussian
from research.rl.environments.interface import Renderer
from research.rl.playing import (
    animate,
    count,
    film,
    first_episode,
    play,
    play_episode,
    show_policy,
)
from research.rl.policy import memoryless, reactive
from research.rl.rollout import collect, start
from tests.rl.continuous import dial

STILL = memoryless(lambda seen: Categorical(jnp.array([1.0, 0.0])))
QUARTERS = jnp.log(jnp.array([0.25, 0.75]))


def lever_agent(lever):
    return reactive(lever, lambda state, observations: Categorical(state * observations))


def test_most_probable_actions_and_drawn_ones(lever):
    agent = lever_agent(lever)
    best = play(agent, QUARTERS, jax.random.key(0), 200, stochastic=False)
    assert {one.episode_return for one in best} == {1.0}
    drawn = [e.episode_return for e in play(agent, QUARTERS, jax.random.key(0), 400,
                                            stochastic=True)]  # fmt: skip
    # 400 draws of .75: five standard deviations are .11.
    assert abs(np.mean(drawn) - 0.75) < 0.11 and set(drawn) == {0.0, 1.0}
    again = play(agent, QUARTERS, jax.random.key(0), 400, stochastic=True)
    assert [one.episode_return for one in again] == drawn
    other = play(agent, QUARTERS, jax.random.key(1), 400, stochastic=True)
    assert [one.episode_return for one in other] != drawn


def test_each_episode_is_whole_and_no_longer(clock):
    environment = clock(lambda episode: 3 + episode % 4, ends="truncated")
    agent = reactive(environment, lambda state, seen: Categorical(seen * jnp.zeros(2)))
    played = play(agent, None, jax.random.key(0), 40, stochastic=False)
    assert {one.length for one in played} == {3, 4, 5, 6}
    assert all(one.episode_return == one.length and one.finished for one in played)
    assert all((one.observations[:-1, 0] == np.arange(one.length)).all() for one in played)
    endless = agent._replace(environment=clock(60, ends="terminated"))
    (cut,) = play(endless, None, jax.random.key(0), 1, stochastic=False)
    assert cut.length == 50 and not cut.finished


def test_counts_are_of_either_kind(lever):
    found = count(lever_agent(lever), QUARTERS, jax.random.key(0), 400)
    assert found.finished.all()
    assert (found.episode_return[:400] == 1).all()
    assert abs(found.episode_return[400:].mean() - 0.75) < 0.11


def test_the_most_probable_action_is_taken_whatever_is_drawn():
    environment = dial()
    policy = memoryless(lambda seen: Gaussian(0.5 * seen, jnp.zeros_like(seen)))

    @partial(jax.jit, static_argnums=0)
    def act(greedy):
        begun = start(environment, jax.random.key(0), 4)
        return collect(environment, policy, begun, jax.random.key(1), 8, greedy)

    (after, best), (elsewhere, drawn) = act(True), act(False)
    assert (best.action == 0.5).all()
    assert (drawn.action != 0.5).all()
    np.testing.assert_array_equal(after.states, elsewhere.states, "other chance is the same")


def test_a_film_shows_episodes_one_after_another(clock):
    environment = clock(lambda episode: 3 + episode % 4, ends="terminated")
    agent = reactive(environment, lambda state, seen: Categorical(seen * jnp.zeros(2)))
    drawer = Renderer(lambda o: o[:, :, None].astype(np.uint8), np.zeros((8, 3), np.uint8), 0.5)
    played = play(agent, None, jax.random.key(2), 3, stochastic=False)
    made = film(played, drawer)
    parts = [animate(one, drawer) for one in played]
    assert len(made.frames) == sum(one.length + 1 for one in played)
    np.testing.assert_array_equal(made.frames, np.concatenate([p.frames for p in parts]))
    assert made.seconds == 0.5


@pytest.mark.parametrize("named", [cartpole_ppo, cartpole_dqn, maze_q_learning])
def test_an_agent_acts_as_the_experiment_evaluates(named):
    experiment = make_experiment(named.config.smoke())
    key = jax.random.key(3)
    state = jax.jit(experiment.init)(key, traced(experiment.hyperparameters))
    if named is maze_q_learning:
        # Values that fall with the number of the action lead nowhere: every episode is cut.
        state = state._replace(q_value=jnp.zeros_like(state.q_value) - jnp.arange(4.0))
    # No update is made: at its start a policy is bad in a way of its own.
    figures = metrics.read(jax.device_get(jax.jit(experiment.evaluate)(state, None, key)), "")
    episodes = int(figures["episodes"])
    found = count(experiment.offers["agent"], state, key, episodes)
    greedy = found.episode_return[:episodes].mean()
    assert greedy == pytest.approx(figures["episode_return"], rel=1e-6)
    if named is not maze_q_learning:
        drawn = found.episode_return[episodes:].mean()
        assert drawn == pytest.approx(figures["stochastic_episode_return"], rel=1e-6)


def test_the_first_episode_is_played_to_its_end_and_no_further(clock):
    environment = clock(7, ends="truncated")
    played = jax.jit(
        lambda key: play_episode(environment, STILL, key, 20)
    )(jax.random.key(0))  # fmt: skip
    episode = first_episode(*map(np.asarray, played))
    assert episode.finished and episode.episode_return == 7
    assert len(episode.observations) == 8
    np.testing.assert_array_equal(episode.observations[:7, 0], np.arange(7))

    cut = jax.jit(lambda key: play_episode(environment, STILL, key, 5))
    episode = first_episode(*map(np.asarray, cut(jax.random.key(0))))
    assert not episode.finished and episode.episode_return == 5


def test_returns_are_those_of_either_way_to_act(lever):
    def policy(params, observations):
        return Categorical(params * observations)  # logits [a, b] for an observation of 1

    params = jnp.log(jnp.array([0.25, 0.75]))
    made = show_policy(reactive(lever, policy), params, jax.random.key(3), 400)
    assert list(made) == ["returns"], "nothing draws this environment"
    greedy, drawn = made["returns"].values
    assert (greedy == 1).all()
    # 400 draws of .75: five standard deviations are .11.
    assert abs(drawn.mean() - 0.75) < 0.11 and set(drawn) == {0, 1}


@pytest.mark.parametrize(("seconds", "shown", "frame_seconds"), [(0.02, 5, 0.04), (0.5, 8, 0.5)])
def test_an_animation_takes_the_time_that_the_world_takes(clock, seconds, shown, frame_seconds):
    environment = clock(7, ends="terminated")
    drawer = Renderer(lambda o: o[:, :, None].astype(np.uint8), np.zeros((8, 3), np.uint8), seconds)
    played = play_episode(environment, STILL, jax.random.key(0), 9)
    animation = animate(first_episode(*map(np.asarray, played)), drawer)
    assert len(animation.frames) == shown and animation.seconds == frame_seconds
    assert animation.frames[1, 0, 0] == round(frame_seconds / seconds)
