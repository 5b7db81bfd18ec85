"""Images per second of Encore: the net of `vision/fashion_mnist_cnn` in the compiled loop.

With `--plain` no convolution is computed by Winograd's algorithm. `--groups` cuts batches as the
experiment does.
"""

from __future__ import annotations

import jax
import numpy as np

from benchmarks.peers.serving import image_arguments, serve
from experiments.vision import fashion_mnist_cnn
from research.data.feed import open_feed
from research.data.images import Images
from research.data.order import shuffled_rows
from research.data.sources.arrays import ArraySource
from research.engine.environment import settle_environment
from research.engine.experiment import Data
from research.engine.program import Program
from research.layers import convolution_block
from research.options.config import make_experiment

EXAMPLES = 6400


def random_images() -> ArraySource:
    """Random images and labels: what they show makes no difference to the time."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (EXAMPLES, 28, 28, 1)).astype(np.uint8)
    label = rng.integers(0, 10, EXAMPLES).astype(np.int32)
    return ArraySource("random", {"image": image, "label": label})


def main() -> None:
    """Serve rounds."""
    parser = image_arguments(__doc__ or "")
    parser.add_argument("--plain", action="store_true", help="without Winograd's algorithm")
    parser.add_argument("--groups", type=int, default=1, help="parts of a batch")
    options = parser.parse_args()
    settle_environment()
    if options.plain:
        convolution_block.winograd_pays = lambda *arguments: False
    rows = shuffled_rows(EXAMPLES, options.batch)
    data = Data({"train": random_images()}, rows=rows, evaluation_batch_size=500)

    class Random(fashion_mnist_cnn.FashionCNN):
        """The chapter's net on random images."""

        def images(self) -> Images:
            """As many as there are, again and again."""
            return Images(data, EXAMPLES, (28, 28, 1), white=255)

    experiment = make_experiment(
        Random(epochs=10**5, batch_size=options.batch, groups=options.groups)
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
