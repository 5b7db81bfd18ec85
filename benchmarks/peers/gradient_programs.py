"""What `benchmarks.autodiff` differentiates, written once in the words that all libraries share.

This file needs NumPy only, so that it runs in any peer's environment.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Words = Mapping[str, Callable[..., Any]]
"""exp, log, sum, tanh, reshape, transpose and stack of arrays; relu of a number."""


class Program(NamedTuple):
    """A function of one number of value, and where it is differentiated.

    Attributes:
        of: (words, *inputs) -> its value.
        at: the inputs, arrays or floats.
    """

    of: Callable[..., Any]
    at: tuple[Any, ...]


def mlp(words: Words, hidden: Any, hidden_bias: Any, output: Any, output_bias: Any) -> Any:
    """Mean cross-entropy of a net 64-16-10 on 64 images of random pixels."""
    draw = np.random.default_rng(0)
    images, target = draw.random((64, 64)), np.eye(10)[draw.integers(10, size=64)]
    logits = words["tanh"](images @ hidden + hidden_bias) @ output + output_bias
    norm = words["log"](words["sum"](words["exp"](logits), 1))
    return (words["sum"](norm) - words["sum"](logits * target)) / 64


def rosenbrock(words: Words, x: Any) -> Any:
    """Rosenbrock's function of a vector."""
    bend, rest = x[1:] - x[:-1] * x[:-1], 1 - x[:-1]
    return words["sum"](100 * bend * bend + rest * rest)


def mixture(words: Words, alphas: Any, means: Any, factors: Any) -> Any:
    """The log likelihood of 1,000 points of 10 dimensions under a mixture of 25 Gaussians."""
    points = np.random.default_rng(0).normal(size=(1000, 10))
    shifted = points @ words["transpose"](factors, (0, 2, 1))
    y = shifted - words["reshape"](factors @ means[:, :, None], (25, 1, 10))
    inner = words["reshape"](alphas, (25, 1)) - 0.5 * words["sum"](y * y, 2)
    likelihood = words["sum"](words["log"](words["sum"](words["exp"](inner), 0)))
    return likelihood - 1000 * words["log"](words["sum"](words["exp"](alphas)))


def recurrence(words: Words, weight: Any, own_weight: Any, bias: Any) -> Any:
    """A recurrent net of 14 units with diagonal weights, 200 steps: small arrays, many steps."""
    inputs = np.random.default_rng(0).random((200, 14))
    h, outputs = np.zeros(14), []
    for x in inputs:
        h = words["tanh"](x * weight + h * own_weight + bias)
        outputs.append(h)
    return words["sum"](words["stack"](outputs) ** 2)


def chain(words: Words, x: Any, w: Any) -> Any:
    """200 times w x + x x / 4, of numbers."""
    for _ in range(200):
        x = w * x + 0.25 * x * x
    return x


def moons(words: Words, *params: Any) -> Any:
    """The loss of a net 2-16-16-1 of numbers on 20 points, as in micrograd's own example."""
    points = np.random.default_rng(0).normal(size=(20, 2)).tolist()
    losses = []
    for point in points:
        label, numbers, rest = (1.0 if point[0] > point[1] else -1.0), point, params
        for outputs in (16, 16, 1):
            inputs = len(numbers)
            size = outputs * (inputs + 1)
            rows, rest = rest[:size], rest[size:]
            numbers = [
                sum((w * x for w, x in zip(row, numbers, strict=False)), row[-1])
                for row in (rows[k : k + inputs + 1] for k in range(0, size, inputs + 1))
            ]
            if outputs > 1:
                numbers = [words["relu"](number) for number in numbers]
        losses.append(words["relu"](1 + -label * numbers[0]))
    return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in params)


def _normal(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape) / shape[-1] ** 0.5


ARRAYS = {
    "mlp": Program(mlp, (_normal(64, 16), _normal(16), _normal(16, 10), _normal(10))),
    "mixture": Program(mixture, (_normal(25), _normal(25, 10), _normal(25, 10, 10))),
    "rosenbrock": Program(rosenbrock, (np.linspace(0.5, 1.5, 10_000),)),
    "recurrence": Program(recurrence, (_normal(14), _normal(1, 14)[0], _normal(14))),
}
SCALARS = {
    "chain": Program(chain, (0.5, 0.8)),
    "moons": Program(moons, tuple(_normal(337).tolist())),
}
PROGRAMS = ARRAYS | SCALARS


def arguments(description: str) -> argparse.Namespace:
    """What peers are given: the program, the mode, and the seconds of a round."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--mode", choices=("reverse", "forward"), default="reverse")
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a round")
    return parser.parse_args()


def directions(at: Sequence[Any]) -> tuple[Any, ...]:
    """Where forward mode goes: one, for each input."""
    return tuple(np.ones_like(x) if isinstance(x, np.ndarray) else 1.0 for x in at)
