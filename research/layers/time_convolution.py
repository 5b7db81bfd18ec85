"""Convolutions over time, causal or not, as matrix products; and WaveNet."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def time_patches(
    inputs: Float[Array, "batch time features"],
    size: int,
    stride: int = 1,
    dilation: int = 1,
    causal: bool = False,
) -> Float[Array, "batch places {size}*features"]:
    """The time steps under a convolution's kernel at each of its places.

    Args:
        inputs: a sequence each.
        size: time steps under the kernel.
        stride: steps between two places.
        dilation: steps between two of these.
        causal: whether zeros come before the first step, so that there is a place at each step
            (before the stride) for it and those before it; otherwise no zeros are added.

    Returns:
        For each place its steps side by side, the earliest first.

    Raises:
        ValueError: there is no place, because the kernel reaches over more than the sequence.
    """
    reach = (size - 1) * dilation
    if causal:
        inputs = jnp.pad(inputs, ((0, 0), (reach, 0), (0, 0)))
    stop = inputs.shape[1] - reach
    if stop < 1:
        raise ValueError(
            f"a convolution that reaches over {reach + 1} steps does not fit {inputs.shape[1]}"
        )
    patches = [inputs[:, k * dilation : k * dilation + stop : stride] for k in range(size)]
    return jnp.concatenate(patches, axis=-1)


class TimeConvolution(nn.Module):
    """A convolution over time, as a product of patches with its kernel.

    Attributes:
        features: of the outputs.
        size, stride, dilation, causal: as `time_patches` has them.
    """

    features: int
    size: int
    stride: int = 1
    dilation: int = 1
    causal: bool = False

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """float32 `[batch, places, features]` for inputs `[batch, time, features]`."""
        patches = time_patches(inputs, self.size, self.stride, self.dilation, self.causal)
        return nn.Dense(self.features, kernel_init=nn.initializers.glorot_uniform())(patches)


class WaveNet(nn.Module):
    """Causal convolutions of two steps whose dilation doubles, so that they see far with few.

    Attributes:
        features: of every layer.
        dilations: of each layer.
        gated: whether a layer is tanh(W x) σ(V x), with skip connections of each layer to the end
            and residual connections; else relu(W x) after one another.

    Source: van den Oord et al. 2016 (arXiv 1609.03499), sections 2.1, 2.3 and 2.4.
    """

    features: int
    dilations: tuple[int, ...]
    gated: bool = False

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        """float32 `[batch, time, features]` for inputs `[batch, time, features]`."""
        if not self.gated:
            for dilation in self.dilations:
                inputs = nn.relu(
                    TimeConvolution(self.features, 2, dilation=dilation, causal=True)(inputs)
                )
            return inputs
        hidden = TimeConvolution(self.features, 2, causal=True)(inputs)
        total = jnp.zeros_like(hidden)
        for dilation in self.dilations:
            layer = TimeConvolution(2 * self.features, 2, dilation=dilation, causal=True)
            content, gate = jnp.split(layer(hidden), 2, axis=-1)
            passed = nn.Dense(self.features)(jnp.tanh(content) * nn.sigmoid(gate))
            hidden, total = hidden + passed, total + passed
        return nn.relu(nn.Dense(self.features)(nn.relu(total)))
