"""Vector-quantised autoencoders: the gradient that passes a choice, and the book."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import entropy

from research.engine.experiment import traced
from research.generative.quantised import (
    Quantised,
    QuantisedCodec,
    book_errors,
    nearest_vectors,
    straight_through,
)
from research.options.config import make_experiment, problems_of

pytestmark = pytest.mark.usefixtures("plainly_compiled")

DRAWN = np.random.default_rng(0)
MADE = DRAWN.standard_normal((5, 4)).astype(np.float32)
BOOK = DRAWN.standard_normal((7, 4)).astype(np.float32)
READ = DRAWN.standard_normal((4, 3)).astype(np.float32)
COMMITMENT = 0.25


def loss(made: jax.Array, book: jax.Array) -> jax.Array:
    nearest = book[nearest_vectors(made, book)]
    decoded = jnp.tanh(straight_through(made, nearest) @ READ)
    return jnp.sum(decoded**2) + jnp.sum(book_errors(made, nearest, COMMITMENT))


def test_the_gradient_passes_the_choice_and_the_book_learns_from_its_own_term_alone() -> None:
    """As the paper has it, term by term."""
    place = cdist(MADE, BOOK).argmin(axis=1)
    np.testing.assert_array_equal(nearest_vectors(jnp.asarray(MADE), jnp.asarray(BOOK)), place)
    nearest = BOOK[place]
    decoded = np.tanh(nearest @ READ)
    of_code = (2 * decoded * (1 - decoded**2)) @ READ.T
    of_made = of_code + 2 * COMMITMENT * (MADE - nearest) / 4
    of_book = np.zeros_like(BOOK)
    np.add.at(of_book, place, 2 * (nearest - MADE) / 4)
    found = jax.grad(loss, (0, 1))(jnp.asarray(MADE), jnp.asarray(BOOK))
    np.testing.assert_allclose(found[0], of_made, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], of_book, rtol=1e-5, atol=1e-6)
    assert np.abs(of_code).max() > 0.1  # what would be lost if the choice stopped it
    value = np.sum(decoded**2) + (1 + COMMITMENT) * np.sum(np.mean((MADE - nearest) ** 2, axis=1))
    assert loss(jnp.asarray(MADE), jnp.asarray(BOOK)) == pytest.approx(value, rel=1e-5)


def test_the_straight_through_gradient_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    made, book = (torch.tensor(each, requires_grad=True) for each in (MADE, BOOK))
    nearest = book[torch.cdist(made, book).argmin(dim=1)]
    passed = made + (nearest - made).detach()
    errors = (made.detach() - nearest) ** 2 + COMMITMENT * (made - nearest.detach()) ** 2
    theirs = (torch.tanh(passed @ torch.tensor(READ)) ** 2).sum() + errors.mean(dim=1).sum()
    theirs.backward()
    value, found = jax.value_and_grad(loss, (0, 1))(jnp.asarray(MADE), jnp.asarray(BOOK))
    assert float(value) == pytest.approx(theirs.item(), rel=1e-5)
    for ours, tensor in zip(found, (made, book), strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 6, 3)])
def test_the_decoder_is_given_vectors_of_the_book_and_gives_back_the_shape(shape: Any) -> None:
    positions = (shape[0] + 3) // 4 * ((shape[1] + 3) // 4)
    codec = QuantisedCodec(shape, (5, 4), 6 * positions, 3 * positions, book_size=9)
    image = jax.random.uniform(jax.random.key(0), (2, *shape))
    variables = codec.init(jax.random.key(1), image, jnp.zeros((2, 3 * positions)))
    bound = codec.bind(variables)
    code = Quantised().bottleneck(bound.encode(image), {}, None)
    apart = cdist(np.asarray(code).reshape(-1, 3), np.asarray(variables["params"]["book"]))
    assert np.max(apart.min(axis=1)) < 1e-6
    assert bound.decode(code).shape == image.shape
    use = np.asarray(bound.use(image))
    assert use.shape == (2, 9) and np.all(use.sum(axis=1) == positions)
    places = apart.argmin(axis=1).reshape(2, -1)
    np.testing.assert_array_equal(use, [np.bincount(one, minlength=9) for one in places])


def test_the_use_of_the_book_is_measured_without_padding_and_the_book_is_learned() -> None:
    config = Quantised(
        data_set="digits", examples=64, batch_size=16, layers=(4, 4), code_size=3, book_size=8,
        optimizer="adam", learning_rate=1e-2,
    )  # fmt: skip
    experiment = make_experiment(config)
    state = jax.jit(experiment.init)(jax.random.key(0), traced(experiment.hyperparameters))
    image = np.random.default_rng(0).integers(0, 17, (16, 8, 8, 1)).astype(np.uint8)
    rows = {"image": jnp.asarray(image), "label": jnp.zeros(16, jnp.int32)}
    rows["weight"] = jnp.asarray([1.0] * 12 + [0.0] * 4)
    after, _ = jax.jit(experiment.update)(state, rows, jax.random.key(0))
    moved = np.any(np.asarray(after.params["book"]) != np.asarray(state.params["book"]), axis=1)
    found = jax.jit(experiment.evaluate)(state, rows, jax.random.key(0))["perplexity_of_codes"]
    codec = config.codec((8, 8, 1)).bind({"params": state.params})
    use = np.asarray(codec.use(jnp.asarray(image / 16, jnp.float32)))[:12].sum(axis=0)
    assert float(found.total / found.weight) == pytest.approx(np.exp(entropy(use)), rel=1e-5)
    np.testing.assert_array_equal(moved, use > 0)


@pytest.mark.parametrize(
    "changes, words",
    [({"book_size": 1}, "--book-size must be at least 2"), ({"commitment": -1.0}, "--commitment")],
)
def test_what_cannot_be_is_said(changes: dict[str, Any], words: str) -> None:
    config = Quantised(**changes)
    assert any(words in problem for problem in problems_of(config)), problems_of(config)
