"""Spectral normalisation against the singular value decompositions of NumPy and PyTorch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.layers.spectral_norm import largest_singular_value, normalise_spectrally

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def with_values(values: list[float]) -> np.ndarray:
    """A matrix of these singular values."""
    n = len(values)
    left, right = (np.linalg.qr(random(n + more, n, seed=more))[0] for more in (3, 1))
    return (left * values @ right.T).astype(np.float32)


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (300, 64), (1, 7), (7, 1)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_it_is_that_of_numpy(shape: tuple[int, int], scale: float) -> None:
    matrix = scale * random(*shape)
    expected = np.linalg.svd(matrix, compute_uv=False)[0]
    np.testing.assert_allclose(largest_singular_value(matrix), expected, rtol=3e-6)


@pytest.mark.parametrize("second", [0.5, 0.99, 0.999, 1.0])
def test_the_gap_to_the_next_one_may_be_small(second: float) -> None:
    matrix = with_values([1.0, *[second] * 20, 0.1])
    found = float(largest_singular_value(matrix))
    assert 1 - 2e-3 < found < 1 + 1e-5
    # A coordinate that the largest direction does not touch is no trap, nor is a matrix of zeros.
    assert float(largest_singular_value(jnp.diag(jnp.array([1.0, 2.0, 0.0])))) == 2.0
    assert float(largest_singular_value(jnp.zeros((3, 2)))) == 0.0


def test_its_gradient_is_of_the_singular_vectors() -> None:
    matrix = random(6, 4)
    left, _, right = np.linalg.svd(matrix)
    found = jax.grad(largest_singular_value)(matrix)
    np.testing.assert_allclose(found, np.outer(left[:, 0], right[0]), atol=1e-5)


def test_only_kernels_are_normalised() -> None:
    params = {"a": {"kernel": random(3, 3, 2, 5), "bias": random(5)}, "b": {"kernel": random(4, 1)}}
    found = normalise_spectrally(params)
    for name in params:
        kernel = np.asarray(found[name]["kernel"])
        matrix = kernel.reshape(-1, kernel.shape[-1])
        assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, rel=1e-5)
    np.testing.assert_array_equal(found["a"]["bias"], params["a"]["bias"])
    scale = params["a"]["kernel"] / np.asarray(found["a"]["kernel"])
    np.testing.assert_allclose(scale, np.full(scale.shape, scale.ravel()[0]), rtol=1e-5)


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="requirements-oracles.txt is not installed")
    matrix = random(8, 12)
    layer = torch.nn.Linear(12, 8, bias=False)
    layer.weight.data = torch.tensor(matrix)
    normed = torch.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=200)
    found = normalise_spectrally({"kernel": matrix.T})["kernel"]
    np.testing.assert_allclose(found, normed(torch.eye(12)).detach().numpy(), atol=1e-5)
