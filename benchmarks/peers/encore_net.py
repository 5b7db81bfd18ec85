"""Images per second of Encore: the net of `vision/fashion_mnist_cnn` in the compiled loop.

`--layers block` takes `ConvolutionBlock` for every convolution after the first, `--layers plain`
takes `Convolution`; without it the net is the one that the experiment trains today.
"""

from __future__ import annotations

import sys

from research.engine.environment import fix_pool

fix_pool()

import flax.linen as nn  # noqa: E402
import jax  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.peers.rounds import arguments, serve  # noqa: E402
from research.data.order import shuffled_rows  # noqa: E402
from research.data.resident import Resident  # noqa: E402
from research.engine.advance import Program  # noqa: E402
from research.engine.experiment import Data  # noqa: E402
from research.layers.convolution import Convolution  # noqa: E402
from research.layers.convolution_block import ConvolutionBlock  # noqa: E402
from research.layers.dropout import dropout  # noqa: E402
from research.layers.pooling import max_pool  # noqa: E402
from research.vision.classification import make_classifier  # noqa: E402
from research.vision.models import chapter_14_cnn  # noqa: E402

EXAMPLES = 6400
_HE = nn.initializers.he_normal()


class Random:
    """Random images and labels: what they show makes no difference to the time."""

    name = "random"

    def __len__(self) -> int:
        return EXAMPLES

    def load(self) -> dict[str, np.ndarray]:
        """`image` uint8 and `label` int32."""
        rng = np.random.default_rng(0)
        image = rng.integers(0, 256, (EXAMPLES, 28, 28, 1)).astype(np.uint8)
        return {"image": image, "label": rng.integers(0, 10, EXAMPLES).astype(np.int32)}


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
    layers = "today"
    if "--layers" in sys.argv:
        at = sys.argv.index("--layers")
        layers = sys.argv[at + 1]
        del sys.argv[at : at + 2]
    options = arguments(__doc__ or "")
    net = chapter_14_cnn() if layers == "today" else Net(layers == "block")
    rows = shuffled_rows(EXAMPLES, options.batch)
    source = Random()
    experiment = make_classifier(
        net,
        Data(splits={"train": source}, rows=rows, evaluation_batch_size=500),
        {"learning_rate": 1e-3, "dropout_rate": 0.25},
        image_shape=(28, 28, 1),
        white=255,
        steps=10**6,
        batch_size=options.batch,
        optimizer="nadam",
        schedule="warmup_cosine",
        warmup_steps=100,
    )
    feed = Resident(source, rows)
    program = Program(experiment, feed)
    carry = program.initial(0)
    arrays = next(iter(feed.windows(0, 0, 1))).arrays
    done = 0

    def run(steps: int) -> None:
        nonlocal carry, done
        carry = program.advance(carry, arrays, done, done + steps, fresh=True, halt=False)
        jax.block_until_ready(carry)
        done += steps

    serve(options, f"Encore, JAX {jax.__version__}", run)


if __name__ == "__main__":
    main()
