"""Pictures of a classifier: what they count and choose, against counting by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.vision.classifier_pictures import feature_maps, first_filters, make_pictures, survey
from research.vision.models import MultilayerPerceptron, SmallCNN

pytestmark = pytest.mark.usefixtures("plainly_compiled")

CLASSES = 3


def table_of(image):
    """Probabilities that stand in the image itself, so that a test knows them."""
    return np.asarray(image)[:, 0, :CLASSES, 0]


def batches_of(label, probability, size):
    image = np.zeros((len(label), 1, CLASSES, 1), np.float32)
    image[:, 0, :, 0] = probability
    for start in range(0, len(label), size):
        rows = np.arange(start, start + size)
        real = rows < len(label)
        rows = np.where(real, rows, 0)
        yield {"image": image[rows], "label": label[rows], "weight": real.astype(np.float32)}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), examples=st.integers(1, 40), size=st.integers(1, 13))
def test_a_survey_takes_every_example_once_and_keeps_the_worst(seed, examples, size):
    chance = np.random.default_rng(seed)
    label = chance.integers(0, CLASSES, examples)
    probability = chance.dirichlet(np.ones(CLASSES), examples).astype(np.float32)
    seen = survey(table_of, batches_of(label, probability, size), keep=4)
    assert seen.whole and seen.examples == examples and len(seen.first.label) == min(size, examples)
    given_true = probability[np.arange(examples), label]
    mistakes = np.flatnonzero(probability.argmax(1) != label)
    worst = sorted(mistakes, key=lambda at: given_true[at])[:4]
    np.testing.assert_array_equal(seen.worst.probability, probability[worst])
    np.testing.assert_array_equal(seen.worst.label, label[worst])


def test_a_survey_stops_after_so_many_and_says_so():
    label, probability = np.zeros(20, int), np.full((20, CLASSES), 1 / 3, np.float32)
    seen = survey(table_of, batches_of(label, probability, 4), surveyed=8)
    assert seen.examples == 8 and not seen.whole
    assert survey(table_of, batches_of(label, probability, 4), surveyed=20).whole
    assert survey(table_of, []) is None


@pytest.fixture(scope="module")
def net():
    model = SmallCNN(stages=((4,), (6,)), dense=(8,), classes=CLASSES)
    image = jax.random.uniform(jax.random.key(1), (1, 8, 8, 1))
    params = jax.jit(lambda key: model.init(key, image, training=False))(jax.random.key(0))
    return model, params["params"], image


def test_filters_are_the_first_kernels(net):
    _, params, image = net
    found = first_filters(params, (8, 8, 1))
    kernel = np.asarray(params["Convolution_0"]["kernel"])
    np.testing.assert_array_equal(found.images, np.moveaxis(kernel[:, :, 0], -1, 0))
    assert found.signed and found.high == np.abs(kernel).max() == -found.low

    dense = MultilayerPerceptron((5,), CLASSES)
    params = dense.init(jax.random.key(0), image, training=False)["params"]
    found = first_filters(params, (8, 8, 1))
    kernel = np.asarray(params["Dense_0"]["kernel"])
    np.testing.assert_array_equal(found.images[3], kernel[:, 3].reshape(8, 8))
    assert first_filters(params, None) is None


def test_feature_maps_are_what_each_convolution_gives(net):
    model, params, image = net
    maps = feature_maps(model, {"params": params}, image, "a class")
    assert [maps[name].images.shape for name in maps] == [(4, 8, 8), (6, 4, 4)]
    kernel, bias = (params["Convolution_0"][name] for name in ("kernel", "bias"))
    plain = jax.lax.conv_general_dilated(
        image, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    expected = np.moveaxis(np.asarray(jax.nn.relu(plain + bias))[0], -1, 0)
    np.testing.assert_allclose(maps["maps_01"].images, expected, atol=1e-5)
    assert "after the non-linearity" in maps["maps_01"].note

    normalised = SmallCNN(stages=((4,),), dense=(), classes=CLASSES, batch_norm=True)
    variables = normalised.init(jax.random.key(0), image, training=False)
    maps = feature_maps(normalised, variables, image, "a class")
    assert [maps[name].images.shape for name in maps] == [(4, 8, 8), (4, 8, 8)]
    assert (maps["maps_01"].images < 0).any() and "before" in maps["maps_01"].note


def test_the_pictures_are_of_the_predictions_and_depend_on_the_key_alone(net):
    model, params, _ = net
    chance = np.random.default_rng(0)
    rows = {
        "image": np.uint8(chance.integers(0, 17, (30, 8, 8, 1))),
        "label": chance.integers(0, CLASSES, 30),
        "weight": np.float32(np.arange(30) < 27),
    }

    def scaled(image):
        return image.astype(jnp.float32) / 16

    def probabilities(variables, image):
        return jax.nn.softmax(model.apply(variables, scaled(image), training=False))

    def pictures(key):
        return make_pictures(
            model, probabilities, {"params": params}, [rows], key,
            split="test", classes=("a", "b", "c"), white=16, scaled=scaled,
        )  # fmt: skip

    made = pictures(jax.random.key(5))
    assert list(made) == ["examples", "mistakes", "confusion", "filters", "maps_01", "maps_02"]
    taken = np.asarray(probabilities({"params": params}, rows["image"])).argmax(1)
    assert made["mistakes"].note.startswith("Of all 27 examples")
    assert len(made["mistakes"].images) == min((taken != rows["label"])[:27].sum(), 16)
    assert made["confusion"].counts == "test/confusion"
    again, other = pictures(jax.random.key(5)), pictures(jax.random.key(6))
    np.testing.assert_array_equal(made["examples"].images, again["examples"].images)
    assert (made["examples"].images != other["examples"].images).any()
    for caption, wrong in zip(made["examples"].captions, made["examples"].wrong, strict=True):
        assert ("; is " in caption) == wrong
    assert all(made["mistakes"].wrong)
