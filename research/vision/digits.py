"""The 1,797 handwritten digits that come with scikit-learn, split by writers, as training data."""

from __future__ import annotations

import jax

from research.data.augmentation import rotate_scale_and_shift
from research.data.order import shuffled_rows
from research.data.tfds_split import TfdsSplit
from research.engine.experiment import Data, Hyperparameters, Key

TRAIN = 1280
"""Images to train on. The file keeps a writer's digits together and is split in its order, so that
the 360 to test, and most of the 157 to choose by, are by other hands."""
SHAPE = (8, 8, 1)
WHITE = 16
"""The pixel value shown as white."""


def digits_data(batch_size: int) -> Data:
    """The three splits; batches are shuffled anew in each epoch."""
    return Data(
        splits={
            "train": TfdsSplit("encore_digits", f"train[:{TRAIN}]"),
            "validation": TfdsSplit("encore_digits", f"train[{TRAIN}:]"),
            "test": TfdsSplit("encore_digits", "test"),
        },
        rows=shuffled_rows(TRAIN, batch_size),
        evaluation_batch_size=180,
    )


def move_a_little(image: jax.Array, key: Key, values: Hyperparameters) -> jax.Array:
    """The image turned, enlarged and shifted by at most `rotation`, `scale` and `shift`."""
    return rotate_scale_and_shift(image, key, values["rotation"], values["scale"], values["shift"])
