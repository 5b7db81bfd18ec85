"""A policy's memory: carried through an episode, blank at its ends, wherever a policy acts."""

from __future__ import annotations

from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.metrics import read
from research.rl.distributions import Categorical
from research.rl.environments.interface import Renderer
from research.rl.environments.registered import make_environment
from research.rl.evaluation import evaluate_policy
from research.rl.gymnasium_evaluation import play_in_gymnasium
from research.rl.playing import count, first_episode, play, play_episode, show_policy
from research.rl.policy import Agent, Policy, forget, memoryless, reactive
from research.rl.rollout import collect, start


def counting(initial: int = 0) -> Policy:
    """Remembers how many steps it has made, and does 1 in every other one."""

    def act(memory: jax.Array, seen: jax.Array) -> tuple[jax.Array, Categorical]:
        return memory + 1, Categorical(1e6 * jax.nn.one_hot(memory % 2, 2))

    return Policy(act, jnp.int32(initial))


def recall(sure: float = 50.0) -> Policy:
    """Remembers a memory chain's bit and answers with it."""

    def act(memory: jax.Array, seen: jax.Array) -> tuple[jax.Array, Categorical]:
        memory = jnp.where(seen[..., 2] != 0, seen[..., 2], memory)
        return memory, Categorical(sure * jnp.stack([-memory, memory], -1))

    return Policy(act, jnp.float32(0))


def amnesia(policy: Policy) -> Policy:
    """The control: the same, with a blank memory at every step."""

    def act(memory: Any, seen: jax.Array) -> tuple[Any, Any]:
        blank = jax.tree.map(lambda leaf, first: leaf * 0 + first, memory, policy.initial)
        return memory, policy.act(blank, seen)[1]

    return policy._replace(act=act)


def test_memory_is_blank_where_an_episode_began_and_nowhere_else(clock):
    """Steps are counted anew in each of episodes of 3, 4 and 5 steps; never (the control) they
    would come out otherwise.
    """
    environment = clock(lambda episode: 3 + episode % 3, ends="truncated")
    policy = counting()
    begun = start(environment, jax.random.key(0), 6, policy.initial)
    assert begun.memory.shape == (6,)
    after, seen = jax.jit(lambda key: collect(environment, policy, begun, key, 20))(
        jax.random.key(1)
    )
    times = np.asarray(seen.observation[..., 0]).astype(int)
    np.testing.assert_array_equal(seen.action, times % 2)
    np.testing.assert_array_equal(after.memory, after.episode_length)
    assert seen.truncated.sum() > 20
    assert (np.asarray(seen.action) != np.arange(20)[:, None] % 2).any()
    # Blank is what a policy begins with, not nothing at all.
    one = counting(1)
    begun = start(environment, jax.random.key(0), 6, one.initial)
    _, seen = jax.jit(lambda key: collect(environment, one, begun, key, 20))(jax.random.key(1))
    np.testing.assert_array_equal(seen.action, (times + 1) % 2)


def test_memory_goes_on_from_rollout_to_rollout(clock):
    environment, policy = clock(7, ends="terminated"), counting()
    run = jax.jit(lambda begun, key: collect(environment, policy, begun, key, 5))
    episodes, times = start(environment, jax.random.key(0), 2, policy.initial), []
    for part in range(4):
        episodes, seen = run(episodes, jax.random.key(part))
        times.append(np.asarray(seen.action))
    expected = np.broadcast_to(np.arange(20)[:, None] % 7 % 2, (20, 2))
    np.testing.assert_array_equal(np.concatenate(times), expected)


def test_only_ended_episodes_are_forgotten():
    ended = jnp.array([True, False])
    memory = {
        "number": jnp.array([3, 4]),
        "vector": jnp.ones((2, 3)),
        "matrix": jnp.ones((2, 2, 2)),
    }
    initial = {"number": jnp.int32(-1), "vector": jnp.arange(3.0), "matrix": jnp.zeros((2, 2))}
    after = forget(memory, initial, ended)
    for name in memory:
        np.testing.assert_array_equal(after[name][0], initial[name])
        np.testing.assert_array_equal(after[name][1], memory[name][1])
    assert forget(None, None, ended) is None


@pytest.fixture(scope="module")
def chain():
    return make_environment("MemoryChain10-bsuite")


def test_an_evaluation_remembers(chain):
    """What answers with the bit of ten steps ago is always paid 1; what forgets it, 1 or -1."""
    judge = jax.jit(lambda sure, key: evaluate_policy(chain, recall(sure), key, 40))
    figures = read(judge(50.0, jax.random.key(0)))
    assert figures["episode_return"] == figures["stochastic_episode_return"] == 1
    told = jax.jit(lambda key: evaluate_policy(chain, amnesia(recall()), key, 200))
    assert abs(read(told(jax.random.key(0)))["episode_return"]) < 5 / np.sqrt(200)


def test_whoever_watches_sees_a_policy_that_remembers(chain):
    """Films, counts and pictures play what the evaluation does."""
    agent = Agent(chain, lambda state: recall(state))
    sure = jnp.float32(50.0)
    for stochastic in (False, True):
        played = play(agent, sure, jax.random.key(1), 20, stochastic=stochastic)
        assert {one.episode_return for one in played} == {1.0}
        assert {one.length for one in played} == {11}
    assert (count(agent, sure, jax.random.key(2), 20).episode_return == 1).all()
    assert (show_policy(agent, sure, jax.random.key(3), 20)["returns"].values == 1).all()
    film = jax.jit(lambda key: play_episode(chain, recall(), key, 11))
    keys = jax.random.split(jax.random.key(4), 8)
    assert {first_episode(*map(np.asarray, film(key))).episode_return for key in keys} == {1.0}
    forgetful = Agent(chain, lambda state: amnesia(recall(state)))
    assert len(set(count(forgetful, sure, jax.random.key(2), 20).episode_return)) == 2


def test_a_picture_is_drawn_of_what_remembers(chain):
    drawer = Renderer(lambda o: np.zeros((len(o), 2, 2), np.uint8), np.zeros((8, 3), np.uint8), 0.1)
    agent = Agent(chain._replace(renderer=drawer), lambda state: recall())
    assert "Return 1;" in show_policy(agent, None, jax.random.key(0), 4)["episode"].note


def from_positions() -> Policy:
    """Pushes to where the pole falls, by positions alone: speeds are what has changed since."""

    def act(before: jax.Array, seen: jax.Array) -> tuple[jax.Array, Categorical]:
        angle = seen[..., 2]
        turned = jnp.where(jnp.isnan(before), 0.0, angle - before) / 0.02
        falls = angle + turned
        return angle, Categorical(1e4 * jnp.stack([-falls, falls], -1))

    return Policy(act, jnp.float32(jnp.nan))


def test_memory_is_carried_in_gymnasium():
    """By hand, in a loop of the test's own, the same returns; without memory the pole falls."""
    agent = Agent(make_environment("CartPole-v1"), lambda state: from_positions())
    found = play_in_gymnasium(agent, None, 5, 3)
    seeds = np.random.SeedSequence(5).generate_state(6)
    for number, seed in enumerate(seeds):
        world = gymnasium.make("CartPole-v1")
        seen, before, total, ended = world.reset(seed=int(seed))[0], None, 0.0, False
        while not ended:
            angle = np.float32(seen[2])
            turned = np.float32(0) if before is None else (angle - before) / np.float32(0.02)
            seen, reward, terminated, truncated, _ = world.step(int(angle + turned > 0))
            before, total, ended = angle, total + float(reward), terminated or truncated
        world.close()
        assert found.episode_return[number] == total > 100
    forgetful = agent._replace(policy=lambda state: amnesia(from_positions()))
    assert play_in_gymnasium(forgetful, None, 5, 3).episode_return.max() < 70
    here = count(agent, None, jax.random.key(0), 8).episode_return
    assert here.min() > 100


def test_a_policy_without_memory_has_none(lever):
    agent = reactive(lever, lambda state, seen: Categorical(seen * state))
    policy = agent.policy(jnp.zeros(2))
    assert policy.initial is None
    memory, said = policy.act(None, jnp.ones((3, 1)))
    assert memory is None and said.logits.shape == (3, 2)
    assert start(lever, jax.random.key(0), 3).memory is None
    alone = memoryless(lambda seen: Categorical(seen))
    assert len(jax.tree.leaves(start(lever, jax.random.key(0), 3, alone.initial))) == len(
        jax.tree.leaves(start(lever, jax.random.key(0), 3))
    )
