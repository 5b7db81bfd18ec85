"""ADBench's Gaussian mixture: the log likelihood of its points with a Wishart prior, by parameters.

A component k has a weight α_k, a mean μ_k `[d]`, and a factor Q_k `[d, d]` of its inverse
covariance, lower triangular: exp(q_k) on the diagonal and l_k below it, column by column. q_k and
l_k together are a row of "icf". With γ and m of the prior and n = d + m + 1,

    Σ_i logΣexp_k (α_k + Σ q_k - |Q_k (x_i - μ_k)|² / 2) - N logΣexp(α) - N d log(2π) / 2
    + Σ_k (γ² (|exp q_k|² + |l_k|²) / 2 - m Σ q_k) - K (n d log(γ / √2) - log Γ_d(n / 2)),

its signs as in ADBench's code, so that values can be compared.

Source: Srajer, Kukelova and Fitzgibbon 2018 (ADBench), appendix; github.com/microsoft/ADBench.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from research.autodiff import functions
from research.autodiff.adbench.files import Numbers
from research.autodiff.operations import Value
from research.errors import Mistake


class Mixture(NamedTuple):
    """A mixture and its points, in float64.

    Attributes:
        alphas: `[k]`.
        means: `[k, d]`.
        icf: `[k, d (d + 1) / 2]`.
        points: `[n, d]`.
        gamma, m: of the prior.
    """

    alphas: np.ndarray
    means: np.ndarray
    icf: np.ndarray
    points: np.ndarray
    gamma: float = 1.0
    m: int = 0

    @property
    def params(self) -> np.ndarray:
        """All that is differentiated by, as one vector: alphas, means, icf."""
        return np.concatenate([self.alphas, self.means.ravel(), self.icf.ravel()])


class Parts(NamedTuple):
    """Parameters taken apart; their shapes are those of `Mixture`."""

    alphas: Value
    means: Value
    icf: Value


def unpack(params: Value, mixture: Mixture, lib: Any = functions) -> Parts:
    """The arrays of a vector of parameters."""
    k, means = len(mixture.alphas), mixture.means.size
    return Parts(
        params[:k],
        lib.reshape(params[k : k + means], mixture.means.shape),
        lib.reshape(params[k + means :], mixture.icf.shape),
    )


def places_of_factor(d: int) -> np.ndarray:
    """Where the entries of a factor stand in (exp q, l, 0), int `[d, d]`."""
    places = np.full((d, d), d * (d + 1) // 2)
    np.fill_diagonal(places, np.arange(d))
    column, row = np.triu_indices(d, 1)
    places[row, column] = d + np.arange(len(row))
    return places


def factors_of(icf: Value, d: int, lib: Any = functions) -> Value:
    """The factors Q `[k, d, d]`."""
    diagonal, zero = lib.exp(icf[:, :d]), np.zeros((len(icf), 1))
    entries = lib.concatenate([diagonal, icf[:, d:], zero], axis=1)
    return entries[:, places_of_factor(d)]


def log_likelihood(params: Value, mixture: Mixture, lib: Any = functions) -> Value:
    """The function above.

    Args:
        params: `[parameters]`.
        mixture: its points and its prior; the parameters that it holds are not looked at.
        lib: `functions`, or another library with the same words, such as `IN_JAX`.
    """
    n, d = mixture.points.shape
    alphas, means, icf = unpack(params, mixture, lib)
    factors = factors_of(icf, d, lib)
    shifted = mixture.points @ lib.transpose(factors, (0, 2, 1))  # [k, n, d]
    y = shifted - lib.reshape(factors @ means[:, :, None], (len(means), 1, d))
    sums = lib.sum(icf[:, :d], axis=1)
    inner = (alphas + sums)[:, None] - 0.5 * lib.sum(y * y, axis=2)
    likelihood = lib.sum(lib.logsumexp(inner, axis=0)) - n * lib.logsumexp(alphas)
    diagonals, below = lib.exp(icf[:, :d]), icf[:, d:]
    squares = lib.sum(diagonals * diagonals) + lib.sum(below * below)
    prior = 0.5 * mixture.gamma**2 * squares - mixture.m * lib.sum(sums)
    return likelihood + prior + constant_of(mixture)


def constant_of(mixture: Mixture) -> float:
    """What no parameter changes."""
    n, d = mixture.points.shape
    freedom = d + mixture.m + 1
    log_gamma = d * (d - 1) / 4 * math.log(math.pi) + sum(
        math.lgamma((freedom - j) / 2) for j in range(d)
    )
    wishart = freedom * d * math.log(mixture.gamma / math.sqrt(2)) - log_gamma
    return -0.5 * n * d * math.log(2 * math.pi) - len(mixture.alphas) * wishart


def gradient_by_hand(params: Value, mixture: Mixture) -> Value:
    """The gradient `[parameters]` as it is derived on paper, by the share of each component."""
    fn, x = functions, mixture.points
    n, d = x.shape
    alphas, means, icf = unpack(params, mixture)
    factors = factors_of(icf, d)
    y = x @ fn.transpose(factors, (0, 2, 1)) - fn.reshape(factors @ means[:, :, None], (-1, 1, d))
    inner = (alphas + fn.sum(icf[:, :d], axis=1))[:, None] - 0.5 * fn.sum(y * y, axis=2)
    shares = fn.exp(inner - fn.logsumexp(inner, axis=0))
    weights = fn.sum(shares, axis=1)
    pull = shares[:, :, None] * y
    total = fn.sum(pull, axis=1)
    of_factors = total[:, :, None] * means[:, None, :] - fn.transpose(pull, (0, 2, 1)) @ x
    flat = fn.reshape(of_factors, (len(means), d * d))
    # In the order of icf: the diagonal, then what is below it.
    of_entries = flat[:, np.argsort(places_of_factor(d), axis=None)[: d * (d + 1) // 2]]
    gamma, diagonals = mixture.gamma**2, fn.exp(icf[:, :d])
    of_q = (of_entries[:, :d] + gamma * diagonals) * diagonals + (weights[:, None] - mixture.m)
    gradients = (
        weights - n * fn.exp(alphas - fn.logsumexp(alphas)),
        fn.reshape(fn.transpose(factors, (0, 2, 1)) @ total[:, :, None], -1),
        fn.reshape(fn.concatenate([of_q, of_entries[:, d:] + gamma * icf[:, d:]], axis=1), -1),
    )
    return fn.concatenate(gradients)


def read_mixture(path: str) -> Mixture:
    """An input file: d, k, n, then alphas, means, icf, points, γ and m.

    A file with one point stands for n that are equal.

    Raises:
        Mistake: it is no such file.
    """
    numbers = Numbers(path)
    d, k, n = numbers.take_counts("dimensions", "components", "points")
    alphas, means = numbers.take("alphas", k), numbers.take("means", k, d)
    icf = numbers.take("icf", k, d * (d + 1) // 2)
    given = 1 if numbers.left == d + 2 else n
    points = np.broadcast_to(numbers.take("points", given, d), (n, d))
    gamma = float(numbers.take("γ", 1)[0])
    (m,) = numbers.take_counts("m", at_least=0)
    numbers.end()
    if gamma <= 0:
        raise Mistake(f"{path}: γ must be above 0, not {gamma:g}")
    return Mixture(alphas, means, icf, points, gamma, m)
