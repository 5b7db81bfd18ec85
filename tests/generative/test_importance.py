"""Importance-weighted bounds and likelihoods, against sums that are exact."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from research.engine.experiment import traced
from research.generative.binarisation import binarised, draw_once, draw_pixels
from research.generative.importance import ImportanceWeighted, log_likelihood
from research.generative.variational import Variational, normal_divergence
from research.options.config import make_experiment, problems_of

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SHAPE = (2, 2, 1)
IMAGE = np.asarray([[1, 0, 1, 1], [0, 0, 1, 0]], np.float32).reshape(2, *SHAPE)
SMALL = {
    "data_set": "digits", "examples": 64, "batch_size": 16, "layers": (6,), "code_size": 3,
}  # fmt: skip


class Chain:
    """Codes of one number; the encoder and the decoder are given, so that all can be calculated."""

    def __init__(self, slope: float, mean: float, log_variance: float) -> None:
        self.slope, self.outputs = slope, (mean, log_variance)

    def encode(self, image: jax.Array) -> jax.Array:
        return jnp.tile(jnp.asarray(self.outputs), (len(image), 1))

    def decode(self, code: jax.Array) -> jax.Array:
        direction = jnp.asarray([1.0, -2.0, 0.5, 0.0])
        return (0.3 + self.slope * code * direction).reshape(-1, *SHAPE)

    def exact(self) -> np.ndarray:
        """log p(x) of each image, by a sum over a fine grid of codes."""
        grid = np.linspace(-8, 8, 4001)
        logits = np.asarray(self.decode(jnp.asarray(grid[:, None]))).reshape(-1, 4)
        pixels = IMAGE.reshape(2, 1, 4)
        given = np.sum(pixels * logits - np.logaddexp(0, logits), axis=-1)
        return np.log(np.sum(np.exp(given) * stats.norm.pdf(grid), axis=1) * (grid[1] - grid[0]))


def bounds(codec: Any, draws: int, times: int = 2000) -> np.ndarray:
    config = ImportanceWeighted(**SMALL, importance_samples=draws)
    keys = jax.random.split(jax.random.key(0), times)
    return np.asarray(jax.vmap(lambda key: config.bound(codec, jnp.asarray(IMAGE), key))(keys))


def test_a_likelihood_is_that_of_a_sum_over_all_codes() -> None:
    codec: Any = Chain(0.8, 0.2, -0.4)
    found = log_likelihood(codec, jnp.asarray(IMAGE), 20_000, jax.random.key(0))
    np.testing.assert_allclose(found, codec.exact(), atol=0.01)
    other = Chain(0.5, 0.2, -0.4).exact()
    assert np.max(np.abs(found - other)) > 0.05


def test_a_decoder_that_ignores_codes_has_a_likelihood_that_is_exact() -> None:
    """By any number of codes where they are those of the prior; else by many."""
    pixels = IMAGE.reshape(2, -1)
    exact = stats.bernoulli.logpmf(pixels, 1 / (1 + np.exp(-0.3))).sum(axis=1)
    for draws in (1, 3):
        codec: Any = Chain(0.0, 0.0, 0.0)
        found = log_likelihood(codec, jnp.asarray(IMAGE), draws, jax.random.key(0))
        np.testing.assert_allclose(found, exact, rtol=1e-5)
    codec = Chain(0.0, 0.5, 0.1)
    found = log_likelihood(codec, jnp.asarray(IMAGE), 10_000, jax.random.key(0))
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_a_bound_rises_with_its_codes_to_the_likelihood_and_begins_as_the_elbo() -> None:
    codec: Any = Chain(0.8, 0.2, -0.4)
    found = [bounds(codec, draws) for draws in (1, 4, 32)]
    means = [each.mean(axis=0) for each in found]
    assert np.all(means[0] < means[1]) and np.all(means[1] < means[2])
    assert np.all(means[2] <= codec.exact() + 0.01)
    # Many draws of the cross-entropy, and the divergence in closed form.
    mean, log_variance = codec.outputs
    code = mean + np.exp(0.5 * log_variance) * np.random.default_rng(0).standard_normal(200_000)
    logits = np.asarray(codec.decode(jnp.asarray(code[:, None], jnp.float32))).reshape(-1, 4)
    error = np.mean(np.sum(np.logaddexp(0, logits), axis=1)) - IMAGE.reshape(2, 4) @ logits.mean(0)
    elbo = -error - normal_divergence(jnp.asarray([mean]), jnp.asarray([log_variance]))
    error_of_mean = found[0].std() / np.sqrt(len(found[0]))
    np.testing.assert_allclose(means[0], elbo, atol=5 * error_of_mean)


def test_of_one_code_it_is_the_variational_autoencoder_to_the_bit() -> None:
    states = []
    for config in (
        Variational(**SMALL),
        ImportanceWeighted(**SMALL, binarisation="none"),
        ImportanceWeighted(**SMALL, binarisation="none", importance_samples=2),
    ):
        experiment = make_experiment(config)
        state = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
        rows = {
            "image": jnp.asarray(np.random.default_rng(0).integers(0, 17, (16, 8, 8, 1)), "uint8"),
            "label": jnp.zeros(16, jnp.int32),
            "weight": jnp.ones(16),
        }
        states.append(jax.jit(experiment.update)(state, rows, jax.random.key(1))[0].params)
    jax.tree.map(np.testing.assert_array_equal, states[0], states[1])
    with pytest.raises(AssertionError):
        jax.tree.map(np.testing.assert_array_equal, states[0], states[2])


def test_the_likelihood_of_a_split_is_a_mean_over_its_images_without_padding() -> None:
    config = ImportanceWeighted(**SMALL, likelihood_samples=3)
    experiment = make_experiment(config)
    state = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
    drawn = np.random.default_rng(0)

    def batch(weight: list[float]) -> dict[str, np.ndarray]:
        image = 16 * drawn.integers(0, 2, (12, 8, 8, 1)).astype(np.uint8)
        return {"image": image, "label": np.arange(12) % 10, "weight": np.asarray(weight)}

    batches = [batch([1.0] * 12), batch([1.0] * 5 + [0.0] * 7)]
    assert experiment.judge is not None
    found = experiment.judge(state, lambda split: iter(batches), jax.random.key(1))
    codec = config.codec((8, 8, 1)).bind({"params": state.params})
    keys = [jax.random.fold_in(jax.random.key(1), at) for at in range(2)]
    each = [
        log_likelihood(codec, jnp.asarray(one["image"] / 16, jnp.float32), 3, keys[at])
        for at, one in enumerate(batches)
    ]
    true = np.concatenate([each[0], each[1][:5]])
    assert found["test/nll"] == pytest.approx(-true.mean(), rel=1e-5)
    assert found["test/nll"] != pytest.approx(-np.concatenate(each).mean(), rel=1e-5)


def test_static_pixels_are_the_same_alone_and_together_and_as_bright_on_average() -> None:
    grey = np.tile(np.arange(17, dtype=np.uint8).reshape(1, 17, 1, 1), (3000, 1, 4, 1))
    grey[:, :, 0, 0] = np.random.default_rng(0).integers(0, 17, (3000, 17))
    drawn = draw_once(16, {"image": grey, "label": np.zeros(3000)})["image"]
    assert set(np.unique(drawn)) == {0, 16}
    np.testing.assert_array_equal(draw_once(16, {"image": grey[7:8]})["image"], drawn[7:8])
    np.testing.assert_array_equal(draw_once(16, {"image": grey[::-1]})["image"], drawn[::-1])
    share = drawn[:, :, 1:].mean(axis=(0, 2, 3)) / 16
    np.testing.assert_allclose(share, np.arange(17) / 16, atol=0.03)
    assert share[0] == 0 and share[-1] == 1
    anew = draw_pixels(jnp.asarray(grey / 16, jnp.float32), jax.random.key(0))
    assert set(np.unique(anew)) == {0, 1} and not np.array_equal(anew, drawn / 16)
    np.testing.assert_allclose(np.mean(anew[:, :, 1:], (0, 2, 3)), np.arange(17) / 16, atol=0.03)


def test_what_learns_from_codes_is_given_those_of_black_and_white_images() -> None:
    config = ImportanceWeighted(**SMALL)
    codec: Any = config.codec((8, 8, 1))
    drawn = jnp.round(jax.random.uniform(jax.random.key(0), (3, 8, 8, 1)))
    codec = codec.bind(codec.init(jax.random.key(1), drawn, jnp.zeros((1, 3))))
    np.testing.assert_array_equal(
        config.describe(codec, drawn), config.bottleneck(codec.encode(drawn), {}, None)
    )
    grey = drawn * 0.2 + 0.4
    np.testing.assert_array_equal(config.describe(codec, grey), config.describe(codec, drawn))
    as_it_is = config.bottleneck(codec.encode(grey), {}, None)
    assert not np.allclose(config.describe(codec, grey), as_it_is)


@pytest.mark.parametrize("how, grey", [("none", 4), ("static", 0), ("dynamic", 1)])
def test_training_images_alone_stay_grey_where_they_are_drawn_anew(how: Any, grey: int) -> None:
    images = binarised(Variational(**SMALL).images(), how)
    found = {
        name: set(np.unique(source.read(np.arange(20))["image"])) != {0, 16}
        for name, source in images.data.splits.items()
    }
    assert sum(found.values()) == min(grey, len(found)) and (how != "dynamic" or found["train"])
    digests = [source.digest() for source in images.data.splits.values()]
    assert len({*digests}) == len(digests)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"loss": "mse"}, "--loss must be bce"),
        ({"beta": 4.0, "importance_samples": 2}, "--beta must be 1"),
        ({"importance_samples": 0}, "--importance-samples must be at least 1"),
        ({"likelihood_samples": 0}, "--likelihood-samples must be at least 1"),
    ],
)
def test_what_has_no_likelihood_is_refused(changes: dict[str, Any], words: str) -> None:
    config = dataclasses.replace(ImportanceWeighted(**SMALL), **changes)
    assert any(words in problem for problem in problems_of(config)), problems_of(config)
