"""Stacked layers: carried states, masks, both directions, dropout and normalisation."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.cells import CELLS
from research.layers.recurrent import RecurrentLayers, recurrent

pytestmark = pytest.mark.usefixtures("plainly_compiled")

BATCH, TIME, FEATURES = 3, 8, 2
run = jax.jit(recurrent, static_argnums=0)


@pytest.fixture(scope="module")
def inputs():
    return jax.random.normal(jax.random.key(0), (BATCH, TIME, FEATURES))


def _close(left, right):
    np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_layers_are_fed_with_what_comes_before(inputs):
    stack = RecurrentLayers("gru", (5, 4))
    variables = jax.jit(stack.init)(jax.random.key(1), inputs)
    outputs, states = jax.jit(stack.apply)(variables, inputs)
    params = variables["params"]
    first, after_first = run(CELLS["gru"], params["layer_0"], inputs)
    second, after_second = run(CELLS["gru"], params["layer_1"], first)
    _close(outputs, second)
    jax.tree.map(_close, states, (after_first, after_second))


@pytest.mark.parametrize("cell", ["lstm", "normalised_simple"])
def test_states_that_are_carried_continue_the_sequence(inputs, cell):
    stack = RecurrentLayers(cell, (5, 4))
    variables = jax.jit(stack.init)(jax.random.key(1), inputs)
    whole, last = jax.jit(stack.apply)(variables, inputs)
    first, states = jax.jit(stack.apply)(variables, inputs[:, :3])
    second, end = jax.jit(stack.apply)(variables, inputs[:, 3:], states)
    _close(jnp.concatenate([first, second], axis=1), whole)
    jax.tree.map(_close, end, last)


def test_both_directions_of_a_padded_batch_are_those_of_each_sequence(inputs):
    stack = RecurrentLayers("gru", (5, 4), bidirectional=True)
    variables = jax.jit(stack.init)(jax.random.key(1), inputs)
    lengths = (TIME, 1, 5)
    mask = jnp.arange(TIME) < jnp.asarray(lengths)[:, None]
    outputs, states = jax.jit(stack.apply)(variables, inputs, mask=mask)
    assert outputs.shape == (BATCH, TIME, 8) and len(states) == 4
    for row, length in enumerate(lengths):
        alone, end = jax.jit(stack.apply)(variables, inputs[row : row + 1, :length])
        _close(outputs[row, :length], alone[0])
        jax.tree.map(lambda ours, theirs, row=row: _close(ours[row], theirs[0]), states, end)
    unmasked, _ = jax.jit(stack.apply)(variables, inputs)  # control
    assert not np.allclose(unmasked[1, 0], outputs[1, 0], atol=1e-3)


def test_dropout_acts_in_training_alone_and_by_its_key(inputs):
    stack = RecurrentLayers("simple", (50, 50))
    variables = jax.jit(stack.init)(jax.random.key(1), inputs)
    still, _ = jax.jit(stack.apply)(variables, inputs)

    def trained(key, **rates):
        rngs = {"dropout": jax.random.key(key)}
        return stack.apply(variables, inputs, training=True, rngs=rngs, **rates)[0]

    _close(trained(0), still)
    for rates in ({"dropout_rate": 0.5}, {"recurrent_dropout_rate": 0.5}):
        np.testing.assert_array_equal(trained(0, **rates), trained(0, **rates))
        assert not np.allclose(trained(0, **rates), trained(1, **rates))
        assert not np.allclose(trained(0, **rates), still)
    # The first step's hidden state is 0, whatever of it is dropped.
    _close(trained(0, recurrent_dropout_rate=0.5)[:, 0], still[:, 0])


def test_batch_normalisation_lies_between_layers(inputs):
    stack = RecurrentLayers("simple", (5, 4), batch_normalisation=True)
    variables = jax.jit(stack.init)(jax.random.key(1), inputs)
    assert set(variables["batch_stats"]) == {"BatchNorm_0"}
    rngs = {"dropout": jax.random.key(0)}
    (outputs, _), changed = stack.apply(
        variables, inputs, training=True, rngs=rngs, mutable=["batch_stats"]
    )
    params = variables["params"]
    first, _ = run(CELLS["simple"], params["layer_0"], inputs)
    normal = (first - first.mean((0, 1))) / jnp.sqrt(first.var((0, 1)) + 1e-5)
    expected, _ = run(CELLS["simple"], params["layer_1"], normal)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    _close(changed["batch_stats"]["BatchNorm_0"]["mean"], 0.01 * first.mean((0, 1)))


def test_it_is_a_part_of_other_modules(inputs):
    class Reader(nn.Module):
        @nn.compact
        def __call__(self, inputs):
            outputs, _ = RecurrentLayers("lstm", (4,))(inputs)
            return nn.Dense(1)(outputs)

    variables = Reader().init(jax.random.key(0), inputs)
    gradient = jax.grad(lambda tree: jnp.sum(Reader().apply(tree, inputs) ** 2))(variables)
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(gradient["params"]))


def test_a_rate_of_0_is_no_recurrent_dropout_and_changes_no_other_draw(inputs):
    stack = RecurrentLayers("gru", (5, 4))
    variables = jax.jit(stack.init)(jax.random.key(1), inputs)

    @jax.jit
    def drop(traced):
        given = {"training": True, "dropout_rate": 0.5, "rngs": {"dropout": jax.random.key(2)}}
        without, _ = stack.apply(variables, inputs, recurrent_dropout_rate=0.0, **given)
        computed, _ = stack.apply(variables, inputs, recurrent_dropout_rate=traced, **given)
        return without, computed

    without, computed = drop(jnp.float32(0.0))
    np.testing.assert_array_equal(without, computed)
    _, dropped = drop(jnp.float32(0.5))  # control
    assert np.abs(dropped - without).max() > 1e-3
