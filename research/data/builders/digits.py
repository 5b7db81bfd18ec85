"""Handwritten digits that come with scikit-learn: 1,797 real images, no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

TRAIN = 1437
"""Examples in `train`, the first of the file; the other 360 are `test`."""


class EncoreDigits(tfds.core.GeneratorBasedBuilder):
    """8 × 8 images of digits by 43 writers, values 0 to 16.

    Split in file order: the file keeps a writer's digits together, so a random split would put
    the same hands on both sides.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, 1998, doi:10.24432/C50P49 (its test part, as in scikit-learn).
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            homepage="https://archive.ics.uci.edu/dataset/80",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
        del dl_manager
        return {
            "train": self._generate_examples(slice(None, TRAIN)),
            "test": self._generate_examples(slice(TRAIN, None)),
        }

    def _generate_examples(self, part: slice) -> Iterator[tuple[int, dict[str, Any]]]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = digits.images[part].astype(np.uint8)[..., None]
        for row, (image, label) in enumerate(zip(images, digits.target[part], strict=True)):
            yield row, {"image": image, "label": int(label)}
