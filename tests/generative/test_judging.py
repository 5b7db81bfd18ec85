"""What is measured of a generator, in cases whose answer is known; and the pictures of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.images import images_of
from research.engine.inputs import Source
from research.errors import Mistake
from research.generative.judging import make_measures, remark_on
from research.generative.pictures import Samples, show_bits, show_reconstructions
from research.generative.sampling import Sampler, in_blocks
from research.options.config import make_experiment
from research.prediction import Classes, Predictor
from tests.generative.test_adversarial import SMALL

pytestmark = pytest.mark.usefixtures("plainly_compiled")

IMAGES = images_of("digits", 16, 64)
STATE_ITSELF = Sampler(lambda way: lambda state, label, key: state, tuple)
TRUE = np.random.default_rng(0).integers(0, 17, (250, 8, 8, 1)).astype(np.uint8)


def evaluation(split: str) -> Iterator[dict[str, np.ndarray]]:
    ones = np.ones(len(TRUE))
    yield {"image": TRUE if split == "test" else TRUE[::-1], "label": ones, "weight": ones}


def classifier() -> Source:
    """Features are pixels, those of the state counted twice; the class is that of the first one."""

    def features(state: Any, image: jax.Array) -> jax.Array:
        return state["scale"] * image.reshape(len(image), -1).astype(jnp.float32)

    def predict(state: Any, inputs: Any) -> dict[str, jax.Array]:
        return {"probability": jax.nn.one_hot(inputs["image"][:, 0, 0, 0] % 10, 10)}

    predictor = Predictor(
        predict,
        {},
        Classes(lambda: ()),
        lambda batch: ({}, np.zeros(0)),
        lambda word: None,
        "",  # type: ignore[arg-type,return-value]
    )
    experiment = make_experiment(SMALL)
    return Source(
        "vision/pixels",
        SMALL,
        experiment._replace(offers={"features": features, "predict": predictor}),
    )


def judged(made: np.ndarray, scale: float = 1.0) -> dict[str, float]:
    measures = make_measures(STATE_ITSELF, IMAGES, 250, classifier())
    state = jnp.asarray(made, jnp.float32) / 16
    given = {"features": {"scale": jnp.float32(scale)}}
    return dict(measures.judge(state, evaluation, jax.random.key(0), given))  # type: ignore[call-arg]


def test_a_generator_of_the_true_images_is_perfect() -> None:
    found = judged(TRUE)
    assert found["test/frechet_distance"] == pytest.approx(0, abs=1e-6)
    for name in ("precision", "recall", "coverage"):
        assert found[f"test/{name}"] == 1
    assert found["test/duplicates"] == 0 and found["test/classes"] == 10
    assert not remark_on(found)


def test_one_that_makes_a_single_image_is_found_out() -> None:
    found = judged(np.repeat(TRUE[:1], 250, axis=0))
    assert found["test/duplicates"] == 1 and found["test/classes"] == 1
    assert found["test/frechet_distance"] > 100 and found["test/coverage"] < 0.2
    classes, duplicates = remark_on(found)
    assert classes.startswith("Images of 1 of 10 classes are made: the generator has collapsed")
    assert duplicates.startswith("Of its images 100% are nearly the same as another one")


def test_the_features_are_those_of_the_state_that_is_given() -> None:
    one, other = (judged(TRUE[::-1] // 2, scale)["test/frechet_distance"] for scale in (1, 2))
    assert other == pytest.approx(4 * one, rel=1e-6)


def test_a_run_without_features_is_refused() -> None:
    source = classifier()
    source = source._replace(experiment=source.experiment._replace(offers={}))
    with pytest.raises(Mistake, match="vision/pixels gives no features"):
        make_measures(STATE_ITSELF, IMAGES, 250, source)


@pytest.mark.parametrize("rows", [3, 250, 501])
def test_blocks_make_what_the_whole_would(rows: int) -> None:
    values = np.arange(2.0 * rows).reshape(rows, 2)
    sizes = set()

    def double(block: np.ndarray) -> np.ndarray:
        sizes.add(len(block))
        return 2 * block

    np.testing.assert_array_equal(in_blocks(double)(values), 2 * values)
    assert sizes == {250}


def test_a_search_finds_the_codes_that_differ_least() -> None:
    bits = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 1]])
    image = np.arange(4.0).reshape(4, 1, 1, 1) / 4
    samples = Samples(image, np.array([0, 1, 0, 1]), ("a", "b"))
    found = show_bits(samples, bits, queries=2, found=2)
    np.testing.assert_array_equal(found.images[:, 0], np.array([[0, 2, 3], [1, 3, 2]]) / 4)
    assert found.captions == ("a (000): 1 of 2 of its class", "b (111): 1 of 2 of its class")


def test_errors_below_reconstructions_are_those_of_the_last_two_rows() -> None:
    image = np.zeros((2, 2, 2, 1))
    samples = Samples(image, np.array([0, 1]), ("a", "b"))
    rows = [("image", image), ("input", image + 9), ("made", image + 0.5), ("plane", image + 0.1)]
    found = show_reconstructions("title", samples, rows)
    assert found.captions == ("a: 0.250, PCA 0.010", "b: 0.250, PCA 0.010")
    assert found.images.shape == (2, 4 * 2 + 3, 2)
