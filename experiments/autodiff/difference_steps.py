"""How wrong differences are, by their step: the V between what is left out and what is lost.

A long step leaves out more of the Taylor series, a short one loses digits in the subtraction. The
root mean square of the relative error over many points from 1 to 2 is measured at each power of 2,
for three functions in float64 and float32. `float64/forward/best_step` is the step of the smallest
error and `.../theory` where Press et al. 2007 (section 5.7) put it, but for a factor near 1: √eps
forward, ∛eps central, eps^(1/5) extrapolated. `.../factor` is how far the two are apart. A complex
step loses nothing: from about √eps on every shorter one is as good, down to the shortest that there
is, and its `best_step` is the longest of them. The third function is that of Squire and Trapp 1998.

Run: python launch.py run autodiff/difference_steps
Expected: largest_factor 2.52; float64/forward/best_step 1.49e-08 with an error of 2.1e-08,
    float64/central/best_step 3.81e-06 with 4.5e-11
Time: 1 s
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from research.autodiff import differences
from research.engine.artifacts import Lines
from research.options.ranges import Range
from research.study import Findings, Study

METHODS: tuple[differences.Method, ...] = ("forward", "central", "richardson", "complex")
DTYPES = ("float64", "float32")
LONGEST, SHORTEST = -3, -60
"""Exponents of the steps."""


def squire_and_trapp(x: Any) -> Any:
    """The function by which the complex step became known."""
    return np.exp(x) / (np.sin(x) ** 3 + np.cos(x) ** 3)


def _slope_of_squire_and_trapp(x: np.ndarray) -> np.ndarray:
    s, c = np.sin(x), np.cos(x)
    cubes = s**3 + c**3
    return np.exp(x) * (cubes - 3 * s * c * (s - c)) / cubes**2


FUNCTIONS: Mapping[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
    "squire_and_trapp": (squire_and_trapp, _slope_of_squire_and_trapp),
}
"""A function and its derivative by hand."""


@dataclass(frozen=True)
class DifferenceSteps(Study):
    """Options."""

    points: Annotated[int, "points over which an error is a mean", Range(2, 10_000)] = 1000

    @property
    def headline(self) -> str:
        """How far theory and measurement are apart at most, as a factor."""
        return "largest_factor"

    def find(self, drawn: Any, data: Mapping[str, Any]) -> Findings:
        """The errors at all steps, and where they are smallest."""
        del drawn, data
        exponents = np.arange(LONGEST, SHORTEST - 1, -1)
        figures: dict[str, float] = {}
        panels = []
        for dtype in DTYPES:
            errors = {method: self.errors(dtype, method, exponents) for method in METHODS}
            panels.append(np.stack([expected(dtype, exponents), *errors.values()]))
            for method in METHODS:
                figures |= summarise(dtype, method, exponents, errors[method])
        factors = [figures[name] for name in figures if name.endswith("/factor")]
        lines = Lines(
            "The error of a derivative by the step",
            exponents * math.log10(2),
            np.stack(panels),
            ("where theory puts the best", *METHODS),
            "log₁₀ of the step",
            DTYPES,
            f"Beside max(1, |derivative|), the root mean square over {self.points} points from 1 "
            f"to 2 and over {len(FUNCTIONS)} functions; at 1 the step is lost beside x.",
        )
        return Findings(figures | {"largest_factor": max(factors)}, {"errors": lines})

    def errors(self, dtype: str, method: differences.Method, exponents: np.ndarray) -> np.ndarray:
        """The error at each step, float64 `[steps]`."""
        x = np.linspace(1, 2, self.points, endpoint=False).astype(dtype)
        return np.array([error(x, method, 2.0**exponent) for exponent in exponents.tolist()])


def error(x: np.ndarray, method: differences.Method, step: float) -> float:
    """The root mean square of the error beside max(1, |derivative|) at points, over all functions.

    All points are moved by one number, whose derivative at 0 is that of each.
    """
    squares = []
    for f, slope in FUNCTIONS.values():
        exact = slope(x.astype(float))
        found = differences.jacobian(_moved(f, x), np.zeros((), x.dtype), method, step)
        squares.append(((found - exact) / np.maximum(1, np.abs(exact))) ** 2)
    return max(float(np.sqrt(np.mean(squares))), float(np.finfo(x.dtype).eps) / 2)


def _moved(f: Callable[[Any], Any], x: np.ndarray) -> differences.Function:
    return lambda t: f(x + t)


def expected(dtype: str, exponents: np.ndarray) -> np.ndarray:
    """About the smallest error at the step of each method that theory calls best, else NaN."""
    marks = np.full(len(exponents), math.nan)
    for method in METHODS:
        nearest = int(np.argmin(np.abs(exponents - math.log2(theory(dtype, method)))))
        marks[nearest] = differences.expected_error(dtype, method)
    return marks


def theory(dtype: str, method: differences.Method) -> float:
    """The best step; of a complex one the longest, whose h² that is left out is eps."""
    if method == "complex":
        return math.sqrt(np.finfo(dtype).eps)
    return differences.best_step(dtype, method)


def summarise(
    dtype: str, method: differences.Method, exponents: np.ndarray, errors: np.ndarray
) -> dict[str, float]:
    """The best step, and what theory says of it."""
    smallest = float(errors.min())
    good = errors <= (2 * smallest if method == "complex" else smallest)
    step, wanted = 2.0 ** float(exponents[good][0]), theory(dtype, method)
    name = f"{dtype}/{method}"
    # Its error is no figure: it is one of last digits, which follow the CPU.
    return {
        f"{name}/best_step": step,
        f"{name}/theory": wanted,
        f"{name}/factor": max(step / wanted, wanted / step),
    }


config = DifferenceSteps()
