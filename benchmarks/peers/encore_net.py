"""Images per second of Encore: the net of `vision/fashion_mnist_cnn` in the compiled loop.

`--layers block` takes `ConvolutionBlock` for every convolution after the first, `--layers plain`
takes `Convolution`; without it the net is the one that the experiment trains today.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import numpy as np

from benchmarks.peers.serving import image_arguments, serve
from research.data.arrays import ArraySource
from research.data.feed import open_feed
from research.data.order import shuffled_rows
from research.engine.environment import fix_pool
from research.engine.experiment import Data
from research.engine.program import Program
from research.layers.convolution import Convolution
from research.layers.convolution_block import ConvolutionBlock
from research.layers.dropout import dropout
from research.layers.pooling import max_pool
from research.vision.classification import make_classifier
from research.vision.models import chapter_14_cnn

EXAMPLES = 6400
_HE = nn.initializers.he_normal()


def random_images() -> ArraySource:
    """Random images and labels: what they show makes no difference to the time."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (EXAMPLES, 28, 28, 1)).astype(np.uint8)
    label = rng.integers(0, 10, EXAMPLES).astype(np.int32)
    return ArraySource("random", {"image": image, "label": label})


class Net(nn.Module):
    """The net of chapter 14, with a choice of layers."""

    block: bool

    @nn.compact
    def __call__(
        self, x: jax.Array, *, training: bool, dropout_rate: jax.Array | float = 0.0
    ) -> jax.Array:
        """Logits."""
        x = max_pool(nn.relu(Convolution(64, (7, 7), kernel_init=_HE)(x)))
        for features in (128, 256):
            for _ in range(2):
                if self.block:
                    x = ConvolutionBlock(features)(x)
                else:
                    x = nn.relu(Convolution(features, kernel_init=_HE)(x))
            x = max_pool(x)
        x = x.reshape(x.shape[0], -1)
        for features in (128, 64):
            x = nn.relu(nn.Dense(features, kernel_init=_HE)(x))
            if training:
                x = dropout(x, dropout_rate, self.make_rng("dropout"))
        return nn.Dense(10)(x)


def main() -> None:
    """Serve rounds."""
    parser = image_arguments(__doc__ or "")
    parser.add_argument("--layers", choices=["today", "plain", "block"], default="today")
    options = parser.parse_args()
    fix_pool()
    net = chapter_14_cnn() if options.layers == "today" else Net(options.layers == "block")
    rows = shuffled_rows(EXAMPLES, options.batch)
    data = Data({"train": random_images()}, rows=rows, evaluation_batch_size=500)
    experiment = make_classifier(
        net,
        data,
        {"learning_rate": 1e-3, "dropout_rate": 0.25},
        image_shape=(28, 28, 1),
        white=255,
        steps=10**6,
        batch_size=options.batch,
        optimizer="nadam",
        schedule="warmup_cosine",
        warmup_steps=100,
    )
    feed = open_feed(data, "resident")
    program = Program(experiment, feed)
    carry = program.initial(0)
    arrays = next(iter(feed.windows(0, 0, 1))).arrays
    done = 0

    def run(steps: int) -> None:
        nonlocal carry, done
        carry = program.advance(carry, arrays, done, done + steps, fresh=True, halt=False)
        jax.block_until_ready(carry)
        done += steps

    serve(f"Encore, JAX {jax.__version__}", run, options.batch, options.seconds)


if __name__ == "__main__":
    main()
