"""Masked autoencoders: most patches of an image are hidden, and made up from the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from research.data.images import images_of
from research.engine.artifacts import Artifact, Images
from research.engine.experiment import Batch, Hyperparameters, Key
from research.engine.metrics import Metrics
from research.generative.autoencoder import Autoencoder
from research.generative.codecs import Codec, MakeCodec, Shape
from research.generative.pictures import EXAMPLES, Samples, View, stack
from research.generative.reconstruction import figures_of, measure
from research.layers.patches import from_patches, to_patches
from research.layers.transformer import Block
from research.options.ranges import COUNT, FIXED, FRACTION, STATIC

HIDDEN = -1.0
"""Of each pixel of a hidden patch, as the encoder is given it."""


class MaskedCodec(Codec):
    """Transformers over patches: an encoder of those to be seen, and a decoder of all.

    A code is the tokens of the patches to be seen, in their order, and for each patch whether it is
    one of them. Tokens are put in their places by products with 0 and 1, which are exact.

    Attributes:
        layers: units of the dense layers of each block of the encoder.
        decoder_layers: likewise of the decoder.
        width: of a token.
        patch: side of a patch; it divides height and width.
        heads: of each attention.

    Source: He et al. 2021 (arXiv 2111.06377), section 3.
    """

    decoder_layers: tuple[int, ...] = ()
    width: int = 1
    patch: int = 1
    heads: int = 1

    def setup(self) -> None:
        """Layers of both halves."""
        near = nn.initializers.normal(0.02)
        pixels = self.patch * self.patch * self.shape[2]
        self.patches = self.shape[0] * self.shape[1] * self.shape[2] // pixels
        self.read = nn.Dense(self.width)
        self.position = self.param("position", near, (self.patches, self.width))
        self.blocks = [Block(self.heads, hidden) for hidden in self.layers]
        self.end = nn.LayerNorm()
        self.begin = nn.Dense(self.width)
        self.unseen = self.param("unseen", near, (self.width,))
        self.place = self.param("place", near, (self.patches, self.width))
        self.decoder_blocks = [Block(self.heads, hidden) for hidden in self.decoder_layers]
        self.decoder_end = nn.LayerNorm()
        self.write = nn.Dense(pixels)

    def encode(self, image: jax.Array) -> jax.Array:
        """Tokens of the patches that are not `HIDDEN`, the first so many, and which these are."""
        patches = to_patches(image, self.patch)
        count = (self.units - self.patches) // self.width
        open_ = (patches[..., 0] != HIDDEN).astype(image.dtype)
        seen = open_ * (jnp.cumsum(open_, axis=1) <= count)
        tokens = jnp.swapaxes(self._slots(seen), 1, 2) @ (self.read(patches) + self.position)
        return jnp.concatenate([self._encoded(tokens).reshape(image.shape[0], -1), seen], axis=1)

    def describe(self, image: jax.Array) -> jax.Array:
        """The mean of the tokens of a whole image, `[batch, width]`."""
        tokens = self.read(to_patches(image, self.patch)) + self.position
        return jnp.mean(self._encoded(tokens), axis=1)

    def decode(self, code: jax.Array) -> jax.Array:
        """As `Codec.decode`."""
        flat, seen = code[:, : -self.patches], code[:, -self.patches :]
        tokens = self.begin(flat.reshape(len(code), -1, self.width))
        x = self._slots(seen) @ tokens + (1.0 - seen)[..., None] * self.unseen + self.place
        for block in self.decoder_blocks:
            x, _, _ = block(x)
        return from_patches(self.write(self.decoder_end(x)), self.shape)

    def _encoded(self, tokens: jax.Array) -> jax.Array:
        for block in self.blocks:
            tokens, _, _ = block(tokens)
        return self.end(tokens)

    def _slots(self, seen: jax.Array) -> jax.Array:
        """1 where a patch is the token of a slot, `[batch, patches, slots]`."""
        slot = jnp.cumsum(seen, axis=1).astype(jnp.int32) - 1
        count = (self.units - self.patches) // self.width
        return jax.nn.one_hot(slot, count) * seen[..., None]


@dataclass(frozen=True)
class Masked(Autoencoder):
    """The encoder is given a few patches of an image; the loss is that of the others.

    Figures are means over hidden pixels.

    Source: He et al. 2021 (arXiv 2111.06377), "Masked autoencoders are scalable vision learners".
    """

    corrupts: ClassVar[bool] = True
    reconstructs: ClassVar[bool] = False

    net: Annotated[MakeCodec, FIXED] = MaskedCodec
    layers: Annotated[
        tuple[int, ...], "units of the dense layers of each block of the encoder", COUNT
    ] = (128, 128, 128)
    decoder_layers: Annotated[tuple[int, ...], "likewise of the decoder", COUNT] = (128,)
    code_size: Annotated[int, "numbers in a token", COUNT] = 64
    heads: Annotated[int, "of each attention", COUNT] = 4
    patch: Annotated[int, "side of a patch, in pixels", COUNT] = 4
    masked: Annotated[float, "share of patches that are hidden", FRACTION, STATIC] = 0.75

    def smoke(self) -> Self:
        """With small blocks."""
        narrow = (8,) * len(self.decoder_layers)
        return replace(super().smoke(), decoder_layers=narrow, heads=2)

    def problems(self) -> list[str]:
        """Patches that do not cover an image, or of which none or all are hidden."""
        found, (height, width, _) = super().problems(), images_of(self.data_set, 1).shape
        if height % self.patch or width % self.patch:
            found.append(
                f"--patch must divide the {height} x {width} pixels of an image, and "
                f"{self.patch} does not"
            )
        elif not 0 < self.seen < self.patches:
            found.append(
                f"--masked {self.masked:g} hides {self.patches - self.seen} of {self.patches} "
                "patches: there must be some to see and some to make up"
            )
        if self.code_size % self.heads:
            found.append(f"--heads must divide --code-size ({self.code_size}): {self.heads} do not")
        return found

    @property
    def patches(self) -> int:
        """In an image."""
        height, width, _ = images_of(self.data_set, 1).shape
        return (height // self.patch) * (width // self.patch)

    @property
    def seen(self) -> int:
        """Patches that the encoder is given."""
        return self.patches - round(self.masked * self.patches)

    @property
    def units(self) -> int:
        """The tokens, and which patches they are of."""
        return self.seen * self.code_size + self.patches

    @property
    def outputs(self) -> int:
        """The code itself."""
        return self.units

    @property
    def components(self) -> int:
        """As many as there are pixels to see."""
        return self.seen * self.patch**2

    def codec(self, shape: Shape) -> Codec:
        """The two transformers."""
        return self.net(
            shape,
            self.layers,
            self.outputs,
            self.units,
            decoder_layers=self.decoder_layers,
            width=self.code_size,
            patch=self.patch,
            heads=self.heads,
        )

    def corrupt(self, image: jax.Array, values: Hyperparameters, key: Key) -> jax.Array:
        """With patches hidden, of each image others."""
        del values
        drawn = jax.random.uniform(key, (len(image), self.patches))
        rank = jnp.sum(drawn[:, :, None] > drawn[:, None], axis=2)
        patches = to_patches(image, self.patch)
        return from_patches(
            jnp.where((rank < self.seen)[..., None], patches, HIDDEN), image.shape[1:]
        )

    def counted(self, given: jax.Array) -> jax.Array:
        """Hidden pixels."""
        return given == HIDDEN

    def bottleneck(self, outputs: jax.Array, values: Hyperparameters, key: Key | None) -> jax.Array:
        """The outputs."""
        del values, key
        return outputs

    def describe(self, codec: Codec, image: jax.Array) -> jax.Array:
        """The mean token of an image of which nothing is hidden."""
        return codec.describe(image)

    def figures(self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters) -> Metrics:
        """With patches hidden, as in training."""
        given = self.corrupt(rows["image"], values, key)
        made = codec.decode(codec.encode(given))
        return figures_of(measure(rows["image"], made, self.counted(given)), rows["weight"])

    def pictures(self, samples: Samples, view: View) -> dict[str, Artifact]:
        """What is to be seen, and what is made of it, in place of all that is hidden."""
        image, label = samples.image[:EXAMPLES], samples.label[:EXAMPLES]
        given = view.corrupt(samples.image)[:EXAMPLES]
        hidden = given == HIDDEN
        made = np.where(hidden, view.decode(view.encode(given)), image)
        errors = np.sum((made - image) ** 2, axis=(1, 2, 3)) / hidden.sum(axis=(1, 2, 3))
        captions = [
            f"{samples.classes[int(label[at])]}: {errors[at]:.3f}" for at in range(len(image))
        ]
        note = "From top to bottom: image, what is to be seen of it, what is made of that. Below "
        note += "each, the mean squared error of hidden pixels."
        rows = stack(image, np.where(hidden, 0.5, given), made)
        drawn = Images("Hidden patches", rows, 0.0, 1.0, tuple(captions), note=note)
        return {"reconstructions": drawn}
