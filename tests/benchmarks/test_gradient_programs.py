"""What the benchmark on derivatives takes is right: both modes agree, and so does autograd."""

import numpy as np
import pytest

from benchmarks.peers.encore_gradients import WORDS, derivative
from benchmarks.peers.gradient_programs import ARRAYS, PROGRAMS, SCALARS
from research.autodiff import differences


@pytest.mark.parametrize("name", PROGRAMS)
def test_both_modes_agree(name):
    gradients = derivative(name, "reverse")()
    # Along ones, a derivative is the sum of all.
    along = float(derivative(name, "forward")())
    assert sum(float(np.sum(each)) for each in gradients) == pytest.approx(along, rel=1e-8)


@pytest.mark.parametrize("name", SCALARS)
def test_gradients_of_numbers_are_those_of_differences(name):
    of, at = SCALARS[name]
    chosen = [0, len(at) // 2, len(at) - 1]

    def moved(some):
        numbers = list(at)
        for place, number in zip(chosen, some.tolist(), strict=True):
            numbers[place] = number
        return of(WORDS, *numbers)

    expected = differences.gradient(moved, np.array([at[place] for place in chosen]))
    found = derivative(name, "reverse")()
    np.testing.assert_allclose([found[place] for place in chosen], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", ARRAYS)
def test_gradients_of_arrays_are_those_of_autograd(name):
    autograd = pytest.importorskip("autograd", reason="requirements-oracles.txt is not installed")
    import autograd.numpy as anp

    of, at = ARRAYS[name]
    words = {word: getattr(anp, word, None) for word in WORDS}
    expected = autograd.grad(lambda *x: of(words, *x), tuple(range(len(at))))(*at)
    for one, other in zip(derivative(name, "reverse")(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
