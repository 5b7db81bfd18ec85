"""Nets whose images double in size as training goes on; the newest layers are faded in.

Both take the size that they have reached as a `level`, counted from the smallest, and the `share`
of its layers in what is made, the rest being that of the level below. Images are as large as those
of the data at every level: made ones are enlarged, and others made smaller where they are looked
at. Only layers up to the level are computed, and all have parameters from the beginning.

Source: Karras et al. 2018, "Progressive growing of GANs" (arXiv 1710.10196), section 2, figure 2
and appendix A, with fewer channels.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax

from research.generative.adversarial_layers import (
    EqualisedConvolution,
    EqualisedDense,
    double,
    halve,
    pixel_norm,
    with_deviation,
)
from research.generative.adversarial_nets import SLOPE, GeneratorNet
from research.generative.codecs import Shape

LAYERS = (64, 32, 16)
"""Channels at each level, from the smallest images on."""


def activate(x: jax.Array) -> jax.Array:
    """A leaky ReLU."""
    return nn.leaky_relu(x, SLOPE)


def smallest(shape: Shape, levels: int) -> tuple[int, int]:
    """Height and width at the lowest level.

    Raises:
        ValueError: images cannot be halved so often.
    """
    halved = 2 ** (levels - 1)
    if shape[0] % halved or shape[1] % halved:
        raise ValueError(f"{shape[0]} x {shape[1]} cannot be halved {levels - 1} times")
    return shape[0] // halved, shape[1] // halved


class GrowingGenerator(GeneratorNet):
    """Two convolutions of 3 x 3 at each level, each with pixel norm.

    Attributes:
        layers: channels at each level.
    """

    layers: tuple[int, ...] = LAYERS

    def setup(self) -> None:
        """Layers of all levels."""
        rows, columns = smallest(self.shape, len(self.layers))
        self.first = EqualisedDense(rows * columns * self.layers[0])
        self.convolutions = [
            [EqualisedConvolution(features) for _ in range(2 if level else 1)]
            for level, features in enumerate(self.layers)
        ]
        self.to_image = [EqualisedConvolution(self.shape[2], (1, 1), gain=1.0) for _ in self.layers]

    def __call__(
        self,
        code: jax.Array,
        *,
        training: bool,
        level: int | None = None,
        share: jax.Array | float = 1.0,
    ) -> jax.Array:
        """Codes `[batch, units]` -> images; without a level, those of the whole net."""
        del training
        top = len(self.layers) - 1 if level is None else level
        drawn = _drawn(self, top, faded=level is not None)
        rows, columns = smallest(self.shape, len(self.layers))
        x = pixel_norm(activate(self.first(pixel_norm(code))))
        x = x.reshape(len(code), rows, columns, self.layers[0])
        logits: Any = None
        for at in range(top + 1):
            x = double(x) if at else x
            logits = None if logits is None else double(logits)
            for convolution in self.convolutions[at]:
                x = pixel_norm(activate(convolution(x)))
            if at in drawn:
                made = self.to_image[at](x)
                logits = made if logits is None else share * made + (1 - share) * logits
        image = nn.sigmoid(logits)
        for _ in range(top, len(self.layers) - 1):
            image = double(image)
        return image


class GrowingDiscriminator(nn.Module):
    """The generator's mirror image: two convolutions at each level, and the deviation of images.

    Attributes:
        layers: channels at each level, from the smallest images on.
    """

    layers: tuple[int, ...] = LAYERS

    def setup(self) -> None:
        """Layers of all levels."""
        self.from_image = [EqualisedConvolution(features, (1, 1)) for features in self.layers]
        self.convolutions = [
            [EqualisedConvolution(self.layers[at]) for at in (level, level - 1)[: level + 1]]
            for level in range(len(self.layers))
        ]
        self.hidden = EqualisedDense(self.layers[0])
        self.last = EqualisedDense(1, gain=1.0)

    def __call__(
        self, image: jax.Array, *, level: int | None = None, share: jax.Array | float = 1.0
    ) -> jax.Array:
        """Images -> logits `[batch]`; without a level, by the whole net."""
        top = len(self.layers) - 1 if level is None else level
        looked_at = _drawn(self, top, faded=level is not None)
        image = 2.0 * image - 1.0
        for _ in range(top, len(self.layers) - 1):
            image = halve(image)
        x = activate(self.from_image[top](image))
        for at in range(top, 0, -1):
            for convolution in self.convolutions[at]:
                x = activate(convolution(x))
            x, image = halve(x), halve(image)
            if at - 1 in looked_at:
                before = activate(self.from_image[at - 1](image))
                x = share * x + (1 - share) * before
        x = activate(self.convolutions[0][0](with_deviation(x)))
        return self.last(activate(self.hidden(x.reshape(len(x), -1))))[:, 0]


def _drawn(net: nn.Module, top: int, *, faded: bool) -> range:
    """The levels between whose images and features a net goes over: all, to make parameters."""
    if net.is_initializing():
        return range(top + 1)
    return range(max(0, top - 1) if faded else top, top + 1)
