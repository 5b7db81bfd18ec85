"""Nets that predict along a path: (images with noise, times, classes) -> arrays like the images."""

from __future__ import annotations

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from research.layers.attention import MultiHeadAttention
from research.layers.convolution_block import Convolution
from research.layers.patches import from_patches, to_patches
from research.layers.transposed_convolution import TransposedConvolution

_ZEROS = nn.initializers.zeros_init()


class Conditions(nn.Module):
    """A vector for the time, and the class where there is one.

    Attributes:
        width: of the vector.
        classes: how many; 0 for none. A class beyond the last stands for no class.
    """

    width: int
    classes: int = 0

    @nn.compact
    def __call__(self, time: jax.Array, label: jax.Array) -> jax.Array:
        """Times `[batch]` in [0, 1], classes int `[batch]` -> `[batch, width]`.

        Source: Vaswani et al. 2017 (arXiv 1706.03762), section 3.5, of 1,000 times.
        """
        half = self.width // 2
        rate = 10_000.0 ** (-jnp.arange(half) / half)
        angle = 1000.0 * time[:, None] * rate
        x = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
        x = nn.Dense(self.width)(nn.silu(nn.Dense(self.width)(x)))
        if self.classes:
            x = x + nn.Embed(self.classes + 1, self.width)(label)
        return nn.silu(x)


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3, scaled and shifted by the conditions between, and added on.

    Attributes:
        features: channels of the output.
        images: as `Convolution` has it.

    Source: Ho et al. 2020 (arXiv 2006.11239), appendix B, with the scale of Dhariwal and Nichol
    2021 (arXiv 2105.05233), section 3.1.
    """

    features: int
    images: float = math.inf

    @nn.compact
    def __call__(self, x: jax.Array, conditions: jax.Array) -> jax.Array:
        """Images `[batch, height, width, channels]` -> `[batch, height, width, features]`."""
        convolution = partial(Convolution, self.features, images=self.images)
        y = convolution()(nn.silu(nn.GroupNorm(_groups(x.shape[-1]))(x)))
        change = nn.Dense(2 * self.features)(conditions)[:, None, None]
        scale, shift = jnp.split(change, 2, axis=-1)
        y = nn.GroupNorm(_groups(self.features))(y) * (1 + scale) + shift
        y = convolution(kernel_init=_ZEROS)(nn.silu(y))
        return y + (x if x.shape[-1] == self.features else nn.Dense(self.features)(x))


def _groups(channels: int) -> int:
    return math.gcd(8, channels)


class UNet(nn.Module):
    """Images shrink by halves and grow again, each size beside what it was on the way down.

    Attributes:
        width: channels of the image's own size; the half has twice.
        classes: as `Conditions` has it.
        images: as `Convolution` has it.

    Sources: Ronneberger et al. 2015 (arXiv 1505.04597); Ho et al. 2020, appendix B.
    """

    width: int = 32
    classes: int = 0
    images: float = math.inf

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array, label: jax.Array) -> jax.Array:
        """Like `x`, `[batch, height, width, channels]`; height and width are even."""
        block, outputs = partial(ResidualBlock, images=self.images), x.shape[-1]
        channels = self.width, 2 * self.width
        conditions = Conditions(4 * self.width, self.classes)(time, label)
        x = Convolution(self.width, few=True)(x)
        beside: list[jax.Array] = []
        for depth, features in enumerate(channels):
            if depth:
                x = Convolution(features, strides=(2, 2))(x)
            x = block(features)(x, conditions)
            beside.append(x)
        tokens = nn.GroupNorm(_groups(x.shape[-1]))(x).reshape(len(x), -1, x.shape[-1])
        read, _, _ = MultiHeadAttention(heads=1)(tokens)
        x = x + read.reshape(x.shape)
        x = block(channels[-1])(x, conditions)
        for depth in reversed(range(len(channels))):
            x = block(channels[depth])(jnp.concatenate([x, beside[depth]], -1), conditions)
            if depth:
                x = TransposedConvolution(channels[depth - 1], (4, 4))(x)
        x = nn.silu(nn.GroupNorm(_groups(x.shape[-1]))(x))
        return Convolution(outputs, few=True, kernel_init=_ZEROS)(x)


class DiT(nn.Module):
    """A transformer over patches, whose layers are scaled, shifted and gated by the conditions.

    Attributes:
        patch: side of a patch; it divides height and width.
        width: of a token.
        layers: blocks.
        heads: of each attention.
        classes: as `Conditions` has it.

    Source: Peebles and Xie 2023 (arXiv 2212.09748), section 3.2 (adaLN-Zero).
    """

    patch: int = 4
    width: int = 128
    layers: int = 4
    heads: int = 4
    classes: int = 0

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array, label: jax.Array) -> jax.Array:
        """Like `x`, `[batch, height, width, channels]`."""
        patches = to_patches(x, self.patch)
        tokens = nn.Dense(self.width)(patches) + self.param(
            "position", nn.initializers.normal(0.02), (patches.shape[1], self.width)
        )
        conditions = Conditions(self.width, self.classes)(time, label)
        for _ in range(self.layers):
            changes = nn.Dense(6 * self.width, kernel_init=_ZEROS)(conditions)[:, None]
            shift1, scale1, gate1, shift2, scale2, gate2 = jnp.split(changes, 6, axis=-1)
            read, _, _ = MultiHeadAttention(self.heads)(_changed(tokens, shift1, scale1))
            tokens = tokens + gate1 * read
            hidden = nn.gelu(nn.Dense(4 * self.width)(_changed(tokens, shift2, scale2)))
            tokens = tokens + gate2 * nn.Dense(self.width)(hidden)
        changes = nn.Dense(2 * self.width, kernel_init=_ZEROS)(conditions)[:, None]
        tokens = _changed(tokens, *jnp.split(changes, 2, axis=-1))
        tokens = nn.Dense(patches.shape[2], kernel_init=_ZEROS)(tokens)
        return from_patches(tokens, x.shape[1:])


def _changed(tokens: jax.Array, shift: jax.Array, scale: jax.Array) -> jax.Array:
    normal = nn.LayerNorm(use_bias=False, use_scale=False)(tokens)
    return normal * (1 + scale) + shift
