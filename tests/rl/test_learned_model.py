"""What a model of several steps learns from, by loops and by NumPy in float64."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.rl.learned_model import LearnedModel, Unrolled, model_loss, search_returns, unroll
from research.rl.rollout import Trajectory

TIME, NUMBER, ACTIONS, STEPS = 10, 6, 3, 3
MODEL = LearnedModel(ACTIONS, units=8, latent_units=5)
SEEN = SimpleNamespace(states=None)


@pytest.fixture(scope="module")
def rollout():
    """A trajectory with ends of both kinds, policies and returns: all drawn."""
    generator = np.random.default_rng(0)
    terminated = generator.random((TIME, NUMBER)) < 0.15
    truncated = (generator.random((TIME, NUMBER)) < 0.15) & ~terminated
    assert terminated.any() and truncated.any()
    nothing = np.zeros((TIME, NUMBER), np.float32)
    trajectory = Trajectory(
        observation=generator.normal(size=(TIME, NUMBER, 2)).astype(np.float32),
        action=generator.integers(0, ACTIONS, (TIME, NUMBER)).astype(np.int32),
        reward=generator.normal(size=(TIME, NUMBER)).astype(np.float32),
        terminated=terminated,
        truncated=truncated,
        final_observation=generator.normal(size=(TIME, NUMBER, 2)).astype(np.float32),
        episode_return=nothing,
        episode_length=nothing,
    )
    policy = generator.dirichlet(np.ones(ACTIONS), (TIME, NUMBER)).astype(np.float32)
    value, cut_value = generator.normal(size=(2, TIME, NUMBER)).astype(np.float32)
    return jax.tree.map(jnp.asarray, (trajectory, policy, value, cut_value))


def returns_by_hand(trajectory, value, cut_value, *, limits="cut"):
    """R_t = r + γ [λ R_{t+1} + (1 - λ) V(s_{t+1})], γ = .9 and λ = .6."""
    found = np.zeros((TIME, NUMBER))
    for column in range(NUMBER):
        for row in reversed(range(TIME)):
            terminated = bool(trajectory.terminated[row, column])
            truncated = bool(trajectory.truncated[row, column])
            if limits == "ends":
                terminated, truncated = terminated or truncated, False
            if terminated:
                follows = 0.0
            elif (truncated and limits == "cut") or row == TIME - 1:
                follows = float(cut_value[row, column])
            else:
                follows = 0.6 * found[row + 1, column] + 0.4 * float(value[row + 1, column])
            found[row, column] = float(trajectory.reward[row, column]) + 0.9 * follows
    return found


def test_returns_are_those_of_a_loop(rollout):
    trajectory, _, value, cut_value = rollout
    found = np.asarray(search_returns(trajectory, value, cut_value, 0.9, 0.6))
    np.testing.assert_allclose(
        found, returns_by_hand(trajectory, value, cut_value), rtol=1e-4, atol=1e-5
    )
    # Controls: a time limit that counts as an end, and one that is overlooked.
    for limits in ("ends", "overlooked"):
        wrong = returns_by_hand(trajectory, value, cut_value, limits=limits)
        assert np.abs(found - wrong).max() > 0.1


def unrolled_by_hand(trajectory, policy, returns, *, limits="cut"):
    """One state after another, as one would walk along it: fields by name, NaN where unknown."""
    actions = np.full((TIME, NUMBER, STEPS), -1)
    rewards = np.full((TIME, NUMBER, STEPS), np.nan)
    values = np.full((TIME, NUMBER, STEPS + 1), np.nan)
    policies = np.full((TIME, NUMBER, STEPS + 1, ACTIONS), np.nan)
    for row in range(TIME):
        for column in range(NUMBER):
            over = False
            for step in range(STEPS + 1):
                now = row + step
                if over:
                    values[row, column, step] = 0.0
                    rewards[row, column, step:] = 0.0
                    continue
                if now == TIME:
                    break
                values[row, column, step] = returns[now, column]
                policies[row, column, step] = policy[now, column]
                if step == STEPS:
                    break
                actions[row, column, step] = trajectory.action[now, column]
                rewards[row, column, step] = trajectory.reward[now, column]
                over = bool(trajectory.terminated[now, column])
                if trajectory.truncated[now, column]:
                    if limits == "cut":
                        break
                    over = True
    return actions, rewards, values, policies


def test_pieces_are_those_of_a_loop(rollout):
    trajectory, policy, value, _ = rollout
    found = jax.jit(unroll, static_argnums=3)(trajectory, policy, value, STEPS)
    shown = np.asarray(found.observation).reshape(TIME, NUMBER, 2)
    np.testing.assert_array_equal(shown, trajectory.observation)

    def told(leaf, weight):
        leaf, weight = np.asarray(leaf), np.asarray(weight)
        weight = weight.reshape(*weight.shape, *[1] * (leaf.ndim - weight.ndim))
        return np.where(weight == 1, leaf, np.nan).reshape(TIME, NUMBER, *leaf.shape[1:])

    rewards = told(found.reward, found.reward_weight)
    values = told(found.z, found.z_weight)
    policies = told(found.pi, found.pi_weight)
    actions, *expected = unrolled_by_hand(trajectory, policy, value)
    for one, other in zip((rewards, values, policies), expected, strict=True):
        np.testing.assert_array_equal(one, other.astype(np.float32))
    taken = np.asarray(found.action).reshape(actions.shape)
    np.testing.assert_array_equal(taken[actions >= 0], actions[actions >= 0])
    # Control: a time limit is no end of the process.
    _, _, wrong, _ = unrolled_by_hand(trajectory, policy, value, limits="ends")
    assert (np.isnan(wrong) != np.isnan(values)).any()


def drawn_params():
    """All layers drawn: some are 0 at first, and would hide mistakes."""
    params = MODEL.init(jax.random.key(0), jnp.zeros((1, 2)))
    leaves, tree = jax.tree.flatten(params)
    generator = np.random.default_rng(1)
    return jax.tree.unflatten(
        tree, [jnp.asarray(generator.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    )


def drawn_examples():
    """Values and rewards of which some are not known."""
    generator = np.random.default_rng(2)
    batch = 7

    def draw(*shape):
        return jnp.asarray(generator.normal(size=(batch, *shape)), jnp.float32)

    def weights(*shape):
        return jnp.asarray(generator.random((batch, *shape)) < 0.7, jnp.float32)

    return Unrolled(
        observation=draw(2),
        action=jnp.asarray(generator.integers(0, ACTIONS, (batch, STEPS)), jnp.int32),
        reward=draw(STEPS),
        reward_weight=weights(STEPS),
        z=draw(STEPS + 1),
        z_weight=weights(STEPS + 1),
        pi=jax.nn.softmax(draw(STEPS + 1, ACTIONS)),
        pi_weight=weights(STEPS + 1),
    )


def loss_by_hand(params, examples, value_weight):
    """The loss, example by example, in float64."""
    layers = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["params"])

    def dense(name, given):
        return given @ layers[name]["kernel"] + layers[name]["bias"]

    def hidden(name, given):
        return np.maximum(dense(name, given), 0.0)

    def scaled(latent):
        return (latent - latent.min()) / (latent.max() - latent.min() + 1e-5)

    total = 0.0
    batch = len(examples.action)
    for place in range(batch):
        example = Unrolled(*(np.asarray(leaf[place], np.float64) for leaf in examples))
        latent = scaled(dense("represent_latent", hidden("represent_hidden", example.observation)))
        for step in range(STEPS + 1):
            share = 1.0 if step == 0 else 1.0 / STEPS
            if step:
                every = hidden("imagine_hidden", latent).reshape(ACTIONS, -1)
                inner = every[int(example.action[step - 1])]
                error = dense("predict_reward", inner)[0] - example.reward[step - 1]
                weight = example.reward_weight[step - 1]
                total += share * value_weight * weight * 0.5 * error**2
                latent = scaled(dense("imagine_latent", inner))
            inner = hidden("predict_hidden", latent)
            error = dense("predict_value", inner)[0] - example.z[step]
            total += share * value_weight * example.z_weight[step] * 0.5 * error**2
            logits = dense("predict_logits", inner)
            surprise = np.log(np.exp(logits).sum()) - example.pi[step] @ logits
            total += share * example.pi_weight[step] * surprise
    return total / batch


def loss_of(params, examples, value_weight=0.4):
    values = {"value_weight": jnp.float32(value_weight)}
    return model_loss(SEEN, MODEL, params, examples, values)


def test_the_loss_is_numpys():
    params, examples = drawn_params(), drawn_examples()
    loss, told = loss_of(params, examples)
    assert float(loss) == pytest.approx(loss_by_hand(params, examples, 0.4), rel=1e-4)
    whole = told["policy_loss"] + 0.4 * (told["value_loss"] + told["reward_loss"])
    assert float(whole) == pytest.approx(float(loss), rel=1e-6)
    # Control: the weights count.
    other = examples._replace(z_weight=jnp.ones_like(examples.z_weight))
    assert float(loss) != pytest.approx(loss_by_hand(params, other, 0.4), rel=1e-2)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_gradients_are_halved_at_every_imagined_step(step):
    """What a value `step` steps ahead asks of the representation comes back as 1/2 to that power.

    The whole gradient is that of the loss by hand, by finite differences in float64.
    """
    params, examples = drawn_params(), drawn_examples()
    only = jnp.zeros((7, STEPS + 1)).at[:, step].set(1.0)
    examples = examples._replace(
        z_weight=only,
        pi_weight=jnp.zeros_like(only),
        reward_weight=jnp.zeros_like(examples.reward_weight),
    )
    gradient = jax.grad(loss_of, has_aux=True)(params, examples)[0]["params"]

    def whole(layer):
        found = []
        for place in range(len(params["params"][layer]["bias"])):
            ends = []
            for change in (-1e-3, 1e-3):
                moved = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
                moved["params"][layer]["bias"][place] += change
                ends.append(loss_by_hand(moved, examples, 0.4))
            found.append((ends[1] - ends[0]) / 2e-3)
        return np.asarray(found)

    represent = whole("represent_latent")
    assert np.abs(represent).max() > 1e-3
    np.testing.assert_allclose(
        gradient["represent_latent"]["bias"], represent / 2**step, rtol=1e-2, atol=1e-4
    )
    # What predicts is asked for all of it.
    np.testing.assert_allclose(
        gradient["predict_value"]["bias"], whole("predict_value"), rtol=1e-3, atol=1e-5
    )
