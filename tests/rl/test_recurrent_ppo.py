"""Recurrent PPO: what is replayed in learning is what was done, and what is learned is known."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.groups import split
from research.engine.keys import stream
from research.engine.metrics import read
from research.options.config import problems_of
from research.rl.algorithms.ppo import learn
from research.rl.algorithms.recurrent_ppo import (
    RecurrentPolicyAndValue,
    RecurrentPPO,
    make_recurrent_network,
    make_recurrent_ppo,
    make_sequences,
)
from research.rl.distributions import Gaussian
from research.rl.environments.interface import Box
from research.rl.policy import Policy
from research.rl.rollout import collect, start
from tests.rl.making import experiment_in, run, traced

CONFIG = RecurrentPPO(
    environments=8,
    rollout_steps=16,
    epochs=4,
    minibatch_size=64,
    units=16,
    layers=1,
    memory_units=16,
    environment_steps=150 * 128,
    anneal=True,
    learning_rate=3e-3,
    discount=0.8,
    gae_lambda=0.9,
    entropy_weight=0.01,
    max_gradient_norm=10.0,
)
VALUES = traced(CONFIG)


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_values_remember_and_know_a_time_limit_from_an_end(echo, ends):
    """A cue of 1 or -1, seen at first, is the reward of each of 3 steps, γ = .8.

    Ended: cue · Σ .8^k over the steps left, 2.44, 1.8, 1. Cut: it would have gone on, so cue · 5 at
    every step; with the memory of the next episode, or a blank one, after the last step it would be
    2.44, 1.8, 1 again. Without memory it would be 0 but in the first step.
    """
    experiment = experiment_in(echo(3, ends=ends), make_recurrent_ppo, CONFIG)
    state = jax.jit(lambda: run(experiment, VALUES, CONFIG.updates))()
    network = RecurrentPolicyAndValue(2, CONFIG.hidden, memory_units=16)
    said = []
    for cue in (1.0, -1.0):
        memory = network.initial
        for seen in (cue, 0.0, 0.0):
            memory, (_, value) = network.apply(
                state.params, memory, jnp.array([seen]), method="step"
            )
            said.append(float(value))
    left = np.array([2.44, 1.8, 1.0]) if ends == "terminated" else np.full(3, 5.0)
    np.testing.assert_allclose(said, [*left, *-left], atol=0.35)


@pytest.fixture(scope="module")
def rollout(clock):
    """Ten steps from the middle of episodes of 3, 4 and 5: by hand, step by step, and replayed."""
    environment = clock(lambda episode: 3 + episode % 3, ends="truncated")
    network = make_recurrent_network(environment, (6, 6), 5)
    init = jax.jit(lambda key: network.init(key, network.initial, jnp.zeros(1), method="step"))
    params = jax.tree.map(lambda leaf: 3 * leaf, init(jax.random.key(0)))
    # At first a policy all but ignores what it sees, and what it remembers.
    policy_tower = params["params"]["policy_tower"]
    policy_tower["readout"] = jax.tree.map(lambda leaf: 100 * leaf, policy_tower["readout"])

    def act(memory, observations):
        memory, (said, _) = network.apply(params, memory, observations, method="step")
        return memory, said

    policy = Policy(act, network.initial)
    run = jax.jit(lambda begun, key: collect(environment, policy, begun, key, 10))
    fresh = start(environment, jax.random.key(1), 6, policy.initial)
    begun, _ = run(fresh, jax.random.key(2))
    after, trajectory = run(begun, jax.random.key(3))
    assert (np.asarray(begun.episode_length) > 0).any()
    assert any(leaf.any() for leaf in jax.tree.leaves(begun.memory))
    sequences = jax.jit(partial(make_sequences, network))
    return environment, network, params, begun, after, trajectory, sequences


def by_hand(network, params, begun, trajectory, reset=True, forget_at_the_end=False):
    """Each environment by itself, one step at a time: log-probabilities, values, final values."""
    step = jax.jit(partial(network.apply, params, method="step"))
    columns: dict[str, list] = {"log_probability": [], "value": [], "final_value": []}
    ended = np.asarray(trajectory.terminated | trajectory.truncated)
    times, environments = ended.shape
    for one in range(environments):
        memory = jax.tree.map(lambda leaf: leaf[one], begun.memory)  # noqa: B023
        rows: dict[str, list] = {name: [] for name in columns}
        for time in range(times):
            memory, (said, value) = step(memory, trajectory.observation[time, one])
            rows["log_probability"].append(said.log_probability(trajectory.action[time, one]))
            rows["value"].append(value)
            left = network.initial if forget_at_the_end and ended[time, one] else memory
            _, (_, value) = step(left, trajectory.final_observation[time, one])
            rows["final_value"].append(value)
            if reset and ended[time, one]:
                memory = network.initial
        for name, values in rows.items():
            columns[name].append(np.array(values, np.float64))
    return {name: np.stack(values) for name, values in columns.items()}, memory


def advantages(trajectory, value, final_value):
    """γ = .8, γλ = .72; every episode that ends here is cut, so that its last value counts."""
    ended = np.asarray(trajectory.truncated).T
    found = np.zeros_like(value)
    for one in range(len(value)):
        later = 0.0
        for t in reversed(range(value.shape[1])):
            later = (
                1.0 + 0.8 * final_value[one, t] - value[one, t]
                + (0.0 if ended[one, t] else 0.72 * later)
            )  # fmt: skip
            found[one, t] = later
    return found


def test_examples_are_what_was_done(rollout):
    _, network, params, begun, after, trajectory, sequences = rollout
    examples = sequences(params, begun.memory, trajectory, VALUES)
    expected, last = by_hand(network, params, begun, trajectory)
    assert examples.action.shape == (6, 10)
    np.testing.assert_array_equal(examples.action, np.asarray(trajectory.action).T)
    np.testing.assert_allclose(examples.log_probability, expected["log_probability"], atol=1e-5)
    np.testing.assert_allclose(examples.value, expected["value"], rtol=1e-4, atol=1e-5)
    found = advantages(trajectory, expected["value"], expected["final_value"])
    np.testing.assert_allclose(examples.advantage, found, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(examples.target, found + expected["value"], rtol=1e-4, atol=1e-4)
    # What is carried on is what the last step left.
    for ours, theirs in zip(jax.tree.map(lambda leaf: leaf[5], after.memory), last, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert trajectory.truncated[:-1].sum() > 5


def test_without_resets_and_with_another_memory_it_is_something_else(rollout):
    """The controls: an episode's memory kept in the next one; the last value of an episode said
    with a blank memory; a rollout replayed from a blank memory.
    """
    _, network, params, begun, _, trajectory, sequences = rollout
    examples = sequences(params, begun.memory, trajectory, VALUES)
    kept, _ = by_hand(network, params, begun, trajectory, reset=False)
    assert np.abs(kept["log_probability"] - examples.log_probability).max() > 1e-2
    blank, _ = by_hand(network, params, begun, trajectory, forget_at_the_end=True)
    found = advantages(trajectory, blank["value"], blank["final_value"])
    assert np.abs(found - examples.advantage).max() > 1e-2
    nothing = jax.tree.map(jnp.zeros_like, begun.memory)
    late = sequences(params, nothing, trajectory, VALUES)
    assert np.abs(late.log_probability - examples.log_probability)[:, 0].max() > 1e-2


def test_before_anything_is_learned_the_ratio_is_one(rollout):
    """All gradient steps of a learning rate of 0, over shuffled environments in two groups: the
    policy is the one that acted. Not so (the controls) with memories or ends of other environments.
    """
    environment, network, params, begun, _, trajectory, sequences = rollout
    examples = sequences(params, begun.memory, trajectory, VALUES)
    config = replace(CONFIG, units=6, layers=2, memory_units=5, environments=6, rollout_steps=10)
    config = replace(config, minibatch_size=20, groups=2, environment_steps=150 * 60)
    experiment = experiment_in(environment, make_recurrent_ppo, config)
    begun_anew = jax.jit(experiment.init)(jax.random.key(0), traced(CONFIG, learning_rate=0.0))
    steps = jax.jit(partial(learn, network, config))

    def divergence(examples):
        told = steps(begun_anew._replace(params=params), split(examples, 2), stream(0, "x"))[1]
        return read(told)["approximate_kl"]

    assert divergence(examples) < 1e-9
    shown = examples.observation
    for wrong in (
        shown._replace(memory=jax.tree.map(lambda leaf: leaf[::-1], shown.memory)),
        shown._replace(fresh=shown.fresh[::-1]),
        shown._replace(fresh=jnp.zeros_like(shown.fresh)),
    ):
        assert divergence(examples._replace(observation=wrong)) > 1e-5


def test_groups_learn_what_the_whole_does(echo):
    """One rollout of 8 environments as one group and as four: equal up to rounding."""
    environment = echo(3, ends="truncated")
    config = replace(CONFIG, minibatch_size=128, epochs=2, memory_units=8)
    experiment = experiment_in(environment, make_recurrent_ppo, config)
    network = make_recurrent_network(environment, config.hidden, 8)

    @jax.jit
    def rollout(key):
        begun = experiment.init(key, VALUES)
        policy = experiment.offers["agent"].policy(begun)
        _, seen = collect(environment, policy, begun.episodes, key, 16)
        return begun, make_sequences(network, begun.params, begun.episodes.memory, seen, VALUES)

    begun, examples = rollout(jax.random.key(0))

    def after(groups: int) -> tuple:
        steps = jax.jit(partial(learn, network, replace(config, groups=groups)))
        trained, metrics = steps(begun, split(examples, groups), jax.random.key(2))
        return trained.params, read(metrics)

    (one, told), (four, also) = after(1), after(4)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=2e-5), one, four)
    assert told == pytest.approx(also, rel=1e-3, abs=1e-6)
    moved = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), one, begun.params)
    assert min(jax.tree.leaves(moved)) > 1e-3


def test_vectors_are_drawn_by_what_remembers(echo):
    unit = Box(-np.ones(2, np.float32), np.ones(2, np.float32))
    environment = echo(3, ends="terminated")._replace(action_space=unit)
    network = make_recurrent_network(environment, (4,), 3)
    init = jax.jit(partial(network.init, method="step"))
    params = init(jax.random.key(0), network.initial, jnp.zeros(1))
    memory, (said, value) = network.apply(params, network.initial, jnp.ones(1), method="step")
    assert isinstance(said, Gaussian) and said.mean.shape == (2,) and value.shape == ()
    assert memory.policy.shape == (3,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_units": 0}, "--memory-units"),
        ({"minibatch_size": 128, "rollout_steps": 64, "environments": 8, "groups": 4},
         "--minibatch-size must be a multiple of --rollout-steps times --groups (256)"),
        ({"minibatch_size": 16}, "--minibatch-size must be a multiple of --rollout-steps"),
        ({"rollout_steps": 0}, "--rollout-steps"),
        ({"environment": "MemoryChain31-bsuite"}, "did you mean MemoryChain30-bsuite?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change, message):
    assert problems_of(RecurrentPPO()) == []
    (problem,) = problems_of(replace(RecurrentPPO(), **change))
    assert message in problem
