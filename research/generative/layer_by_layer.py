"""Stacked autoencoders trained one layer at a time, then all layers together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Self

import jax
import jax.numpy as jnp

from research.data.order import steps_per_epoch
from research.engine import metrics
from research.engine.experiment import Batch, Hyperparameters, Key
from research.generative.autoencoder import Autoencoder
from research.generative.codecs import Codec, DenseCodec
from research.generative.reconstruction import pixel_cross_entropy
from research.optimization.descent import WeightedLoss
from research.options.ranges import COUNT, POSITIVE


@dataclass(frozen=True)
class LayerByLayer(Autoencoder):
    """Each layer learns to give back what the layers before it, which stay as they are, make.

    A phase is a function of the step. Its optimiser is plain SGD, for which a layer without a
    gradient stays as it is, to the bit.

    Source: Bengio et al. 2007, "Greedy layer-wise training of deep networks", section 2.3.
    """

    layer_epochs: Annotated[
        tuple[int, ...],
        "passes in which each layer is trained alone, from the image inwards",
        COUNT,
    ] = (10, 10)
    epochs: Annotated[int, "passes in which all layers are trained together, at the end", COUNT] = (
        10
    )

    inner_weight: Annotated[
        float,
        "weight of the squared error of activations against the cross-entropy of pixels",
        POSITIVE,
    ] = 0.03

    def smoke(self) -> Self:
        """Fifteen updates in each phase."""
        small = super().smoke()
        return replace(small, epochs=1, layer_epochs=(1,) * len(self.layer_epochs))

    def problems(self) -> list[str]:
        """Phases that are not one for each layer; an optimiser that remembers."""
        found, layers = super().problems(), len(self.layers) + 1
        if len(self.layer_epochs) != layers:
            found.append(
                f"--layer-epochs must have a number for each of the {layers} layers of the encoder "
                f"(the {layers - 1} of --layers, and the code), not {len(self.layer_epochs)}"
            )
        if self.optimizer != "sgd":
            found.append(
                f"--optimizer must be sgd, not {self.optimizer}: one that remembers would go on "
                "moving layers whose phase is over"
            )
        return found

    @property
    def all_epochs(self) -> int:
        """Of all phases."""
        return sum(self.layer_epochs) + self.epochs

    def objective(
        self, codec: Codec, rows: Batch, key: Key, values: Hyperparameters
    ) -> WeightedLoss:
        """That of the phase in which the step is; `loss` alone is measured."""
        epoch = steps_per_epoch(self.examples, self.batch_size)
        ends = jnp.asarray([*itertools.accumulate(self.layer_epochs)], jnp.int32) * epoch
        phase = jnp.sum(rows["step"][0] >= ends)
        whole = super().objective

        def together() -> jax.Array:
            return whole(codec, rows, key, values).total

        def alone(layer: int) -> jax.Array:
            scale = values["inner_weight"] if layer else 1.0
            return scale * jnp.sum(rows["weight"] * layer_errors(codec, rows["image"], layer))

        branches = [partial(alone, layer) for layer in range(len(self.layer_epochs))]
        total = jax.lax.switch(phase, [*branches, together])
        weight = jnp.sum(rows["weight"])
        return WeightedLoss(total, weight, {"loss": metrics.Mean(total, weight)})


def layer_errors(codec: DenseCodec, image: jax.Array, layer: int) -> jax.Array:
    """How well a layer, and its mirror, give back what it is given: `[batch]`.

    The layers before it are constants. Of the first it is the cross-entropy of pixels, in nats, of
    others the squared error of activations.

    Args:
        codec: bound to its parameters.
        image: float32 `[batch, height, width, channels]` in [0, 1].
        layer: counted from the image.
    """
    x = image.reshape(image.shape[0], -1)
    for before in range(layer):
        x = jax.nn.selu(codec.encode_layer(x, before))
    x = jax.lax.stop_gradient(x)
    made = codec.decode_layer(jax.nn.selu(codec.encode_layer(x, layer)), layer)
    if layer:
        return jnp.mean((jax.nn.selu(made) - x) ** 2, axis=1)
    return jnp.mean(pixel_cross_entropy(made, x), axis=1)
