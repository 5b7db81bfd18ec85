"""Image classifiers: `[batch, height, width, channels]` to logits `[batch, classes]`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax

from research.layers.convolution_block import Convolution
from research.layers.dropout import dropout
from research.layers.pooling import max_pool

_HE = nn.initializers.he_normal()
BatchNorm = partial(nn.BatchNorm, momentum=0.99)
"""Ioffe and Szegedy 2015, with averages over about as many updates as are averaged by
`average_decay` of .99."""


class MultilayerPerceptron(nn.Module):
    """Dense layers with ReLU, then the logits (784-300-100-10: Géron, 3rd edition, chapter 10).

    Attributes:
        features: width of each hidden layer.
        classes: the number of logits.
    """

    features: Sequence[int] = (300, 100)
    classes: int = 10

    @nn.compact
    def __call__(
        self, x: jax.Array, *, training: bool, dropout_rate: jax.Array | float = 0.0
    ) -> jax.Array:
        """Logits `[batch, classes]`; dropout after each hidden layer, with the key "dropout"."""
        x = x.reshape(x.shape[0], -1)
        for features in self.features:
            x = nn.relu(nn.Dense(features, kernel_init=_HE)(x))
            if training:
                x = dropout(x, dropout_rate, self.make_rng("dropout"))
        return nn.Dense(self.classes)(x)


class SmallCNN(nn.Module):
    """3x3 convolutions with ReLU, a 2x2 max pooling after each stage, then dense layers.

    With batch normalisation each convolution's output is normalised before the ReLU, in training
    by the statistics of the rows that it is called with.

    Attributes:
        stages: the widths of each stage's convolutions.
        dense: width of each hidden dense layer.
        classes: the number of logits.
        stem: side of the very first kernel.
        batch_norm: whether convolutions are normalised; running averages are the collection
            "batch_stats".
        images: that it is trained on in the run, each as often as it comes, by which convolutions
            choose their algorithm (`winograd_pays`).
    """

    stages: Sequence[Sequence[int]] = ((32,), (64,))
    dense: Sequence[int] = (64,)
    classes: int = 10
    stem: int = 3
    batch_norm: bool = False
    images: float = math.inf

    @nn.compact
    def __call__(
        self, x: jax.Array, *, training: bool, dropout_rate: jax.Array | float = 0.0
    ) -> jax.Array:
        """Logits `[batch, classes]`; dropout after each dense layer, with the key "dropout".

        Without a hidden dense layer, dropout comes before the logits.
        """
        side = self.stem
        for stage in self.stages:
            for features in stage:
                plain = not self.batch_norm
                x = Convolution(
                    features,
                    (side, side),
                    use_bias=plain,
                    relu=plain,
                    images=self.images,
                    kernel_init=_HE,
                )(x)
                if self.batch_norm:
                    x = nn.relu(BatchNorm(use_running_average=not training)(x))
                side = 3
            x = max_pool(x)
        x = x.reshape(x.shape[0], -1)
        for features in self.dense:
            x = nn.relu(nn.Dense(features, kernel_init=_HE)(x))
            if training:
                x = dropout(x, dropout_rate, self.make_rng("dropout"))
        if training and not self.dense:
            x = dropout(x, dropout_rate, self.make_rng("dropout"))
        return nn.Dense(self.classes)(x)


def chapter_14_cnn(channels: int = 64, images: float = math.inf) -> SmallCNN:
    """The Fashion-MNIST net of Géron, 3rd edition, chapter 14: 1,413,834 parameters at 28x28x1.

    7x7x64, pool, two 3x3x128, pool, two 3x3x256, pool, dense 128 and 64 with dropout; all goes with
    the channels of the first convolution.
    """
    return SmallCNN(
        stages=((channels,), (2 * channels,) * 2, (4 * channels,) * 2),
        dense=(2 * channels, channels),
        stem=7,
        images=images,
    )
