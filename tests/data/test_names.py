"""The names of classes: the data set's own where it has as many, else their numbers."""

import numpy as np

from research.data.arrays import ArraySource
from research.data.names import class_names
from research.data.tfds_split import TfdsSplit


def test_class_names(prepared_digits):
    digits = TfdsSplit("encore_digits", "test")
    assert digits.class_names("label") == tuple("0123456789")
    assert digits.class_names("image") == digits.class_names("nothing") == ()
    assert class_names(digits, "label", 10) == tuple("0123456789")
    assert class_names(digits, "label", 3) == ("0", "1", "2")
    plain = ArraySource("plain", {"label": np.zeros(4, np.int32)})
    assert class_names(plain, "label", 2) == ("0", "1")
