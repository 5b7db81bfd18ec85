"""What is measured and drawn of any generator of images at the end of a run.

A generator is a `research.generative.sampling.Sampler`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from research.data.images import CLASSES
from research.data.images import Images as ImageData
from research.engine.artifacts import Artifact, Images
from research.engine.experiment import Artifacts, Evaluation, Inputs, Judge, Key, State
from research.engine.inputs import Source
from research.errors import Mistake
from research.generative.distances import (
    compare_manifolds,
    frechet_distance,
    kernel_distance,
    nearest_neighbours,
    radii,
)
from research.generative.pictures import beside, first_images
from research.generative.sampling import BY_CLASS, Sampler, Way, draw_all, in_blocks

BLOCKS = 10
"""That a kernel distance is the mean of, which gives its error."""
NEIGHBOURS = 8
"""Samples beside which the nearest training images are drawn."""
MANY = 0.05
"""Share of duplicates above which a generator is said to have collapsed; true images have none."""
SOME = 5000
"""Training images among which it is measured how near they usually are."""


class Measures(NamedTuple):
    """What `make_measures` makes; both take the states of other runs as their last argument."""

    judge: Judge
    artifacts: Artifacts


def make_measures(
    sampler: Sampler, images: ImageData, count: int, source: Source | None
) -> Measures:
    """Figures and pictures of a generator.

    Figures are those of `research.generative.distances`, in the features of another run, between
    the first `count` images of the test split and as many that are drawn, all classes alike:
    `test/frechet_distance` (with that of as many training images in place of the drawn, which says
    what is near), `test/kernel_distance` and its standard error,
    `test/precision`, `test/recall`, `test/density`, `test/coverage`; with `test/duplicates`, the
    share of drawn images nearer to another one than a tenth of what is usual between true images,
    and `test/classes`, of how many classes at least one image in a hundred is drawn.

    Args:
        sampler: the generator.
        images: that it learned from.
        count: images that are measured.
        source: the run of a classifier, or None.

    Raises:
        Mistake: that run has no features.
    """
    if source is not None and "features" not in source.experiment.offers:
        raise Mistake(
            f"--features must name a run of a classifier of images, such as vision/digits_cnn: "
            f"{source.run} gives no features"
        )

    draw = sampler.draw(Way())

    def judge(state: State, evaluation: Evaluation, key: Key, *given: Inputs) -> dict[str, float]:
        assert source is not None
        offers, theirs = source.experiment.offers, given[0]["features"]
        features = in_blocks(jax.jit(lambda image: offers["features"](theirs, image)))
        predict = offers["predict"].apply
        made = as_pixels(draw_all(draw, state, np.arange(count) % CLASSES, key), images.white)
        true = first_images(evaluation("test"), count)[0]
        of_true, of_made = features(true), features(made)
        of_train = features(first_images(evaluation("train"), count)[0])
        kernel = kernel_distance(of_true, of_made, block=max(2, len(of_true) // BLOCKS))
        manifolds = compare_manifolds(of_true, of_made)
        usual = float(np.median(radii(of_true, 1)))
        probability = in_blocks(
            jax.jit(lambda image: predict(theirs, {"image": image})["probability"])
        )(made)
        shares = np.bincount(probability.argmax(axis=1), minlength=CLASSES) / len(made)
        return {
            "test/frechet_distance": frechet_distance(of_true, of_made),
            "test/frechet_distance_of_train": frechet_distance(of_true, of_train),
            "test/kernel_distance": kernel.mean,
            "test/kernel_distance_error": kernel.standard_error,
            **{f"test/{name}": value for name, value in manifolds._asdict().items()},
            "test/duplicates": float(np.mean(radii(of_made, 1) < 0.01 * usual)),
            "test/classes": float(np.sum(shares >= 0.01)),
        }

    def artifacts(
        state: State, evaluation: Evaluation, key: Key, *given: Inputs
    ) -> dict[str, Artifact]:
        del given
        made = draw_all(draw, state, BY_CLASS, key)
        true = first_images(evaluation("train"), images.examples)[0] / images.white
        pictures: dict[str, Artifact] = {"samples": show_samples(made, sampler.classes())}
        if sampler.course is not None:
            one_each = jnp.arange(CLASSES)
            pictures["course"] = show_course(jax.jit(sampler.course)(state, one_each, key))
        spread = made[:: len(made) // NEIGHBOURS]
        return pictures | {"neighbours": show_neighbours(spread, true)}

    return Measures(judge, artifacts)


def remark_on(figures: Mapping[str, float]) -> list[str]:
    """What `make_measures` has measured, in words, where a generator has collapsed."""
    found = []
    classes, duplicates = (figures.get(f"test/{name}") for name in ("classes", "duplicates"))
    if classes is not None and classes < CLASSES:
        found.append(
            f"Images of {classes:.0f} of {CLASSES} classes are made: the generator has collapsed, "
            "or learned too little."
        )
    if duplicates is not None and duplicates > MANY:
        found.append(
            f"Of its images {duplicates:.0%} are nearly the same as another one: the generator has "
            "collapsed."
        )
    return found


def as_pixels(made: np.ndarray, white: int) -> np.ndarray:
    """Images in [0, 1] as uint8 from 0 to `white`, as those of the data are."""
    return np.rint(np.clip(made, 0.0, 1.0) * white).astype(np.uint8)


def show_samples(made: np.ndarray, classes: Sequence[str]) -> Images:
    """A sheet of samples, of classes a row of each."""
    flat = made[..., 0] if made.shape[-1] == 1 else made
    note = f"Rows from the top: {', '.join(classes)}." if classes else ""
    return Images("Samples", flat, 0.0, 1.0, note=note)


def show_course(images: np.ndarray) -> Images:
    """Images on their way from noise, each in a row of stations.

    Args:
        images: `[stations, images, height, width, channels]` in [0, 1].
    """
    rows = [beside(np.asarray(images)[:, at]) for at in range(images.shape[1])]
    note = "Each row is one image on its way, from noise on the left."
    # With captions each stands by itself, as wide as it needs.
    captions = ("",) * len(rows)
    return Images("From noise to an image", np.stack(rows), 0.0, 1.0, captions, note=note)


def show_neighbours(made: np.ndarray, true: np.ndarray) -> Images:
    """Samples beside the training images that are nearest to them, by their pixels."""
    flat = true.reshape(len(true), -1)
    places, distances = nearest_neighbours(made.reshape(len(made), -1), flat)
    usual = float(np.sqrt(np.median(radii(flat[:SOME], 1))))
    return Images(
        "The nearest training images",
        np.stack([beside(np.stack([a, true[at]])) for a, at in zip(made, places, strict=True)]),
        0.0,
        1.0,
        tuple(f"distance {distance:.2f}" for distance in np.sqrt(distances)),
        note="On the left a sample, on the right the training image nearest to it by its pixels. "
        f"Among the first {min(SOME, len(true)):,} training images the nearest is usually at "
        f"{usual:.2f}: what was memorised would be nearer by far.",
    )
