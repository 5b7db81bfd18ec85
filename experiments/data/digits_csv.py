"""Handwritten digits from CSV files: a row an image, a column a pixel; nothing to download.

The files are written on first use, of the digits that come with scikit-learn, into the cache: four
for training, one each to choose by and to test. docs/data.md says how to name your own. The net and
the images are those of `vision/digits_cnn`, and so are all bits of the result: how data is read is
no part of it.

Run: python launch.py run data/digits_csv
Expected: test accuracy .9935 ± .0040 (3 seeds), the bits of vision/digits_cnn
Time: 10 s
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.vision.digits_cnn import DigitsCNN
from research.data.file_sets.written import OnDamage
from research.data.image_files import as_csv, in_files
from research.data.images import Images

SHARDS = {"train": 4, "validation": 1, "test": 1}


@dataclass(frozen=True)
class DigitsCSV(DigitsCNN):
    """Options."""

    damaged: OnDamage = "stop"

    def images(self) -> Images:
        """The digits, from CSV files."""
        digits = super().images()
        way = as_csv(digits.shape)
        return in_files(digits, way, "digits_csv", SHARDS, self.batch_size, self.damaged)


config = DigitsCSV()
