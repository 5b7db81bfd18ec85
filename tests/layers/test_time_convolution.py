"""Convolutions over time against `lax.conv_general_dilated`, and causality itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.time_convolution import TimeConvolution, WaveNet, time_patches

pytestmark = pytest.mark.usefixtures("plainly_compiled")

BATCH, TIME, FEATURES, FILTERS = 2, 13, 3, 4


def _inputs(time=TIME):
    return jax.random.normal(jax.random.key(0), (BATCH, time, FEATURES))


@pytest.mark.parametrize("time", [5, 13])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 1)]
)
def test_it_is_the_convolution(size, stride, dilation, causal, time):
    layer = TimeConvolution(FILTERS, size, stride, dilation, causal)
    inputs = _inputs(time)
    variables = layer.init(jax.random.key(1), inputs)
    dense = variables["params"]["Dense_0"]
    reach = (size - 1) * dilation
    expected = jax.lax.conv_general_dilated(
        inputs,
        dense["kernel"].reshape(size, FEATURES, FILTERS),
        (stride,),
        [(reach if causal else 0, 0)],
        rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )
    outputs = layer.apply(variables, inputs)
    np.testing.assert_allclose(outputs, expected + dense["bias"], rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="reaches over 7 steps does not fit 6"):
        time_patches(_inputs(6), 4, dilation=2)
    assert time_patches(_inputs(6), 4, dilation=2, causal=True).shape == (BATCH, 6, 4 * FEATURES)


@pytest.mark.parametrize("gated", [False, True])
def test_a_wavenet_sees_the_past_alone_and_as_far_as_its_dilations(gated):
    net = WaveNet(FILTERS, (1, 2, 4), gated)
    inputs = _inputs(20)
    variables = net.init(jax.random.key(1), inputs)
    place = 15

    def at_place(inputs):
        return jnp.sum(jnp.square(net.apply(variables, inputs)[:, place]))

    seen = np.asarray(jnp.abs(jax.grad(at_place)(inputs)).sum(axis=(0, 2))) > 0
    reach = 1 + 2 + 4 + (1 if gated else 0)
    (steps,) = np.nonzero(seen)
    assert steps.max() == place and steps.min() == place - reach
