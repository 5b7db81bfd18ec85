"""A net learns from 3.9 GiB of pictures in less memory than that: they are read as they are needed.

330,000 pictures of 112 x 112 pixels, in each of which stands a piece of clothing of Fashion-MNIST,
two to four times as large as it was and anywhere: six of each image. They are calculated, and
written on first use, as records of 12,545 bytes in 16 files; `--copies 12` makes twice as many, and
each copy takes 0.64 GiB of the disk of `ENCORE_CACHE_DIR`. The run then reads batches ahead of the
steps, in a shuffled order over all files, and holds no more than a few at a time: its result says
how much memory it used at most. To have the system refuse what is more (Linux):

  bash -c 'ulimit -d 2000000; python launch.py run data/larger_than_memory --data streamed'

is a run that is given 2 GB (compiling alone takes most of it), while `--data resident` in its
place is refused. The resident size stays about 1 GiB, the same over an epoch; a test measures it,
`tests/data/test_larger_than_memory.py`.

Run: python launch.py run data/larger_than_memory --data streamed
Expected: test accuracy .834 to .842
Time: 1 min, after 1 min of writing
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import flax.linen as nn
import jax

from research.data.file_sets.written import OnDamage
from research.data.image_files import Way, in_files
from research.data.images import MNIST, Images, mnist
from research.data.scattered import RECORD, scattered
from research.optimization.optimizers import OptimizerName
from research.options.ranges import COUNT, POSITIVE, Range
from research.vision.classification import ImageClassification
from research.vision.models import SmallCNN

SHARDS = {"train": 16, "validation": 1, "test": 1}


class ShrinkingCNN(nn.Module):
    """A net that looks at a picture from afar: means of 4 x 4 pixels, then `SmallCNN`.

    Attributes:
        channels: of the first convolution; the next have 2 and 3 times as many.
    """

    channels: int

    @nn.compact
    def __call__(self, x: jax.Array, *, training: bool, dropout_rate: float = 0.0) -> jax.Array:
        """Logits `[batch, 10]`."""
        small = nn.avg_pool(x, (4, 4), (4, 4))
        stages = tuple((k * self.channels,) for k in (1, 2, 3))
        return SmallCNN(stages, dense=(64,))(small, training=training, dropout_rate=dropout_rate)


@dataclass(frozen=True)
class LargerThanMemory(ImageClassification):
    """Options."""

    epochs: Annotated[int, "passes over the training pictures", COUNT] = 1
    copies: Annotated[int, "pictures of each image, which take 0.64 GiB of the disk", COUNT] = 6
    examples: Annotated[
        int, "images that pictures are made of, the first of the file", Range(1, MNIST)
    ] = MNIST
    channels: Annotated[
        int, "channels of the first convolution; the next have 2 and 3 times as many", COUNT
    ] = 16
    learning_rate: Annotated[float, "Adam's largest step size, falling by cosine", POSITIVE] = 2e-3
    damaged: OnDamage = "stop"

    optimizer: ClassVar[OptimizerName] = "adam"

    def smoke(self) -> Self:
        """Thirty updates of a narrow net, of 12 MB."""
        return replace(self, examples=480, copies=2, batch_size=32, channels=2)

    def model(self, images: Images) -> nn.Module:
        """Three convolutions of a smaller picture."""
        del images
        return ShrinkingCNN(self.channels)

    def images(self) -> Images:
        """The pictures, from files of records of one length."""
        images = mnist("fashion_mnist", self.batch_size, self.examples)
        pictures = scattered(images, self.copies, self.batch_size)
        folder = "larger_than_memory"
        return in_files(pictures, Way(RECORD), folder, SHARDS, self.batch_size, self.damaged)


config = LargerThanMemory()
