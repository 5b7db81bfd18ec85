"""Small images in large pictures: whole, somewhere, and the same however they are read."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data.scattered import RECORD, SIDE, SIZES, SMALL, Scattered
from research.data.sources.arrays import ArraySource

DRAW = np.random.default_rng(0)
IMAGES = ArraySource(
    "images",
    {
        "image": DRAW.integers(1, 256, (20, SMALL, SMALL, 1), np.uint8),  # Nowhere 0.
        "label": np.arange(20) % 10,
    },
)
PICTURES = Scattered(IMAGES, images=15, copies=40)


def test_a_picture_holds_its_image_two_to_four_times_as_large_and_nothing_else():
    made = PICTURES.load()
    assert made["image"].shape == (600, SIDE, SIDE, 1) and made["image"].dtype == np.uint8
    sizes, corners = set(), set()
    for number, (picture, label) in enumerate(zip(made["image"], made["label"], strict=True)):
        rows, columns = (np.flatnonzero(picture.any(axis=(axis, 2))) for axis in (1, 0))
        size = len(rows) // SMALL
        found = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        image = IMAGES.columns["image"][number % 15]
        assert np.array_equal(found, np.kron(image, np.ones((size, size, 1), np.uint8)))
        assert label == IMAGES.columns["label"][number % 15]
        sizes.add(size)
        corners.add((rows[0], columns[0]))
    assert sizes == set(SIZES) and len(corners) > 300
    # Every place that an image of a size can have is used.
    small = {row for row, column in corners}
    assert min(small) == 0 and max(small) > 0.9 * (SIDE - min(SIZES) * SMALL)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 599), min_size=1, max_size=9))
def test_a_picture_follows_from_its_number_alone(index):
    whole = PICTURES.read(np.arange(600))
    for name, column in PICTURES.read(np.array(index)).items():
        assert np.array_equal(column, whole[name][index])


def test_what_decides_on_pictures_is_in_the_digest_and_a_record_holds_one():
    others = (Scattered(IMAGES, 15, 40), Scattered(IMAGES, 15, 41), Scattered(IMAGES, 14, 40))
    assert [other.digest() == PICTURES.digest() for other in others] == [True, False, False]
    form = {name: (each.dtype, each.shape) for name, each in RECORD.fields.items()}
    first = PICTURES.read(np.arange(1))
    assert form == {name: ("u1", column.shape[1:]) for name, column in first.items()}
