"""The transforms along one axis, in float64, against the direct sum and their own transposes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.layers import winograd
from research.layers.winograd import (
    COUNT,
    POINTS,
    TAPS,
    inputs_along,
    inputs_back,
    kernel_along,
    kernel_back,
    make_tiling,
    outputs_along,
    outputs_back,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def random(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


def convolved(x, taps, tiling):
    """An axis of `reach` inputs -> periods times period outputs, by Winograd's algorithm."""
    values = kernel_along(list(taps), tiling)
    products = [
        value * part for value, part in zip(values, inputs_along(x, 0, tiling), strict=True)
    ]
    return outputs_along(products, 0, tiling)


@settings(max_examples=25, deadline=None)
@given(outputs=st.integers(1, 33), seed=st.integers(0, 9))
def test_one_axis_is_the_correlation_with_three_taps(outputs, seed):
    tiling = make_tiling(outputs)
    x, taps = random(tiling.reach, seed), random(TAPS, seed + 1)
    actual = convolved(jnp.asarray(x), taps, tiling)
    assert actual.shape == (tiling.periods * tiling.period,) and len(actual) >= outputs
    np.testing.assert_allclose(actual, np.correlate(x, taps), rtol=0, atol=1e-13)


def test_a_wrong_point_is_noticed(monkeypatch):
    """The negative control."""
    tiling = make_tiling(7)
    wrong = winograd._FROM_KERNEL.copy()
    wrong[3, 1] *= 1 + 1e-9
    monkeypatch.setattr(winograd, "_FROM_KERNEL", wrong)
    x, taps = random(tiling.reach, 0), random(TAPS, 1)
    assert np.max(np.abs(convolved(jnp.asarray(x), taps, tiling) - np.correlate(x, taps))) > 1e-12


def assert_transposed(forward, back, inputs):
    """<forward(x), v> = <x, back(v)>, by JAX's own transposition."""
    values = jax.tree.map(
        lambda s: jnp.asarray(random(s.shape, 5)), jax.eval_shape(forward, inputs)
    )
    (expected,) = jax.linear_transpose(forward, inputs)(values)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-12), back(values), expected
    )


@pytest.mark.parametrize("outputs", [1, 4, 5, 7, 8, 13, 14])
def test_the_way_back_is_the_transpose(outputs):
    tiling = make_tiling(outputs)
    reach, full = tiling.reach, tiling.reach - TAPS + 1
    x, y = jnp.asarray(random((2, reach, 3), 0)), jnp.asarray(random((2, full, 3), 1))
    assert_transposed(
        lambda x: inputs_along(x, 1, tiling),
        lambda values: inputs_back(values, 1, tiling, 0, reach),
        x,
    )
    # `outputs_back` is itself the transpose of `outputs_along`.
    values = inputs_along(x, 1, tiling)
    (expected,) = jax.linear_transpose(lambda v: outputs_along(v, 1, tiling), values)(y)
    for one, other in zip(outputs_back(y, 1, tiling), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)
    taps = [jnp.asarray(t) for t in random((TAPS, 4), 2)]
    assert_transposed(
        lambda taps: kernel_along(taps, tiling), lambda values: kernel_back(values, tiling), taps
    )


def test_a_part_of_the_inputs_is_that_part_of_all():
    tiling = make_tiling(7)
    values = inputs_along(jnp.asarray(random((tiling.reach, 2), 0)), 0, tiling)
    whole = inputs_back(values, 0, tiling, 0, tiling.reach)
    np.testing.assert_array_equal(inputs_back(values, 0, tiling, 1, 7), whole[1:8])


@pytest.mark.parametrize(
    "outputs, tiles, products",
    [(7, [4, 3], 11), (14, [4, 3, 4, 3], 22), (6, [3, 3], 10), (4, [4], 6), (12, [4, 4, 4], 18)],
)
def test_the_cheapest_cut_is_taken(outputs, tiles, products):
    tiling = make_tiling(outputs)
    assert [tile.outputs for tile in tiling.tiles] * tiling.periods == tiles
    assert tiling.products == products


def test_points_are_distinct_and_tiles_share_them():
    assert len(set(POINTS)) == len(POINTS) == COUNT - 1
    small, large = make_tiling(3), make_tiling(4)
    assert set(small.points) < set(large.points)
