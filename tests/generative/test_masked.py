"""Masked autoencoders: what the encoder is given, and which pixels count."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.experiment import traced
from research.generative.masked import HIDDEN, Masked
from research.layers.patches import from_patches, to_patches
from research.options.config import make_experiment, problems_of

pytestmark = pytest.mark.usefixtures("plainly_compiled")

CONFIG = Masked(
    data_set="digits", examples=64, batch_size=16, layers=(8, 8), decoder_layers=(8,), code_size=6,
    heads=2, patch=2,
)  # fmt: skip
IMAGE = jax.random.uniform(jax.random.key(0), (5, 8, 8, 1))


@pytest.fixture(scope="module")
def state() -> Any:
    experiment = make_experiment(CONFIG)
    return jax.jit(experiment.init)(jax.random.key(1), traced(experiment.hyperparameters))


def hidden_patches(given: Any) -> np.ndarray:
    return np.asarray(to_patches(given, 2) == HIDDEN).all(axis=2)


def test_patches_are_squares_in_reading_order_and_come_back() -> None:
    image = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    patches = to_patches(jnp.asarray(image), 2)
    for at in range(6):
        row, column = 2 * (at // 3), 2 * (at % 3)
        square = image[:, row : row + 2, column : column + 2].reshape(2, -1)
        np.testing.assert_array_equal(patches[:, at], square)
    np.testing.assert_array_equal(from_patches(patches, (4, 6, 3)), image)


def test_as_many_patches_of_each_image_are_hidden_and_others_of_each() -> None:
    image = jnp.tile(IMAGE, (200, 1, 1, 1))
    given = CONFIG.corrupt(image, {}, jax.random.key(0))
    hidden = hidden_patches(given)
    assert np.all(hidden.sum(axis=1) == 12) and CONFIG.seen == 4
    np.testing.assert_allclose(hidden.mean(axis=0), 0.75, atol=0.06)
    counted = np.asarray(CONFIG.counted(given))
    np.testing.assert_array_equal(given[~counted], image[~counted])
    assert counted.sum() == hidden.sum() * 4


def test_what_is_hidden_reaches_nothing_and_each_token_keeps_its_place(state: Any) -> None:
    codec: Any = CONFIG.codec((8, 8, 1)).bind({"params": state.params})
    given = CONFIG.corrupt(IMAGE, {}, jax.random.key(0))
    hidden = jnp.asarray(np.repeat(np.repeat(hidden_patches(given).reshape(5, 4, 4), 2, 1), 2, 2))
    other = jnp.where(hidden[..., None], HIDDEN, IMAGE)
    np.testing.assert_array_equal(other, given)
    # A plain way: tokens of the patches that are open, one image after the other.
    code = codec.encode(given)
    for at, closed in enumerate(hidden_patches(given)):
        places = np.flatnonzero(~closed)
        tokens = codec.read(to_patches(IMAGE[at : at + 1], 2)) + codec.position
        tokens = tokens[:, places]
        for block in codec.blocks:
            tokens, _, _ = block(tokens)
        np.testing.assert_allclose(
            codec.end(tokens).reshape(-1), code[at, :-16], rtol=1e-4, atol=1e-5
        )
        full = np.tile(np.asarray(codec.unseen), (16, 1))
        full[places] = codec.begin(codec.end(tokens))[0]
        x = jnp.asarray(full + codec.place)[None]
        for block in codec.decoder_blocks:
            x, _, _ = block(x)
        made = from_patches(codec.write(codec.decoder_end(x)), (8, 8, 1))
        np.testing.assert_allclose(made[0], codec.decode(code)[at], rtol=1e-4, atol=1e-5)
    everything = codec.read(to_patches(IMAGE, 2)) + codec.position
    for block in codec.blocks:
        everything, _, _ = block(everything)
    np.testing.assert_allclose(
        codec.describe(IMAGE), codec.end(everything).mean(axis=1), rtol=1e-4, atol=1e-5
    )


def test_the_loss_is_that_of_hidden_pixels_alone(state: Any) -> None:
    codec: Any = CONFIG.codec((8, 8, 1)).bind({"params": state.params})
    rows = {"image": IMAGE, "weight": jnp.ones(5)}
    key = jax.random.key(3)
    found = CONFIG.figures(codec, rows, key, {})["mse"]
    given = CONFIG.corrupt(IMAGE, {}, key)
    errors = np.asarray((jax.nn.sigmoid(codec.decode(codec.encode(given))) - IMAGE) ** 2)
    counted = np.asarray(given) == HIDDEN
    assert float(found.total / found.weight) == pytest.approx(errors[counted].mean(), rel=1e-5)
    assert errors[counted].mean() != pytest.approx(errors.mean(), rel=1e-4)
    gradient = jax.grad(
        lambda image: CONFIG.objective(codec, rows | {"image": image}, key, {}).total
    )(IMAGE)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"patch": 5}, "--patch must divide the 28 x 28 pixels"),
        ({"masked": 0.99}, "--masked 0.99 hides 49 of 49 patches"),
        ({"masked": 0.0}, "--masked 0 hides 0 of 49 patches"),
        ({"heads": 5}, "--heads must divide --code-size (64)"),
        ({"masked": 1.0}, "--masked must be"),
    ],
)
def test_what_cannot_be_is_said(changes: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in problems_of(Masked(**changes)))
