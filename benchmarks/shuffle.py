"""How well an epoch is shuffled: the order here against shuffle buffers of 1,000 and 10,000.

    python -m benchmarks.shuffle

A shuffle buffer is what loaders of streams have: it holds so many examples, gives one of them at
random, and puts the next of the file in its place. Nothing is timed; the same numbers come each
time. The yardstick is a permutation that NumPy draws, which is uniform. Columns:

positions: chi-square of a table of 100 parts of the file by 100 parts of the epoch, over its
    degrees of freedom: 1 where every part of the file is as likely in every part of the epoch.
moved: how far an example goes from its place in the file, as a part of the epoch: 1/3 if uniform.
pairs: how many of the pairs of examples that follow one another do so in the next epoch again: 1
    is expected if uniform.
classes: how many of ten classes are in a batch of 32 where the file is sorted by class: 9.66 if
    uniform.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.table import table
from research.data.order import permute
from research.engine.keys import stream

PARTS = 100
BATCH = 32
CLASSES = 10
HEAD = ["examples", "order", "positions", "moved", "pairs", "classes"]


def encore(size: int, epochs: int) -> Iterator[np.ndarray]:
    """Epochs in Encore's order: each int64 `[size]`, the rows of the file one after another."""
    compiled = jax.jit(lambda key: permute(key, jnp.arange(size), size))
    for epoch in range(epochs):
        yield np.asarray(compiled(jax.random.fold_in(stream(0, "order"), epoch)), np.int64)


def uniform(size: int, epochs: int) -> Iterator[np.ndarray]:
    """Epochs in orders drawn by NumPy."""
    draw = np.random.default_rng(0)
    for _ in range(epochs):
        yield draw.permutation(size)


def buffered(size: int, epochs: int, buffer: int) -> Iterator[np.ndarray]:
    """Epochs through a shuffle buffer, each with numbers of its own."""
    draw = np.random.default_rng(0)
    for _ in range(epochs):
        held = list(range(min(buffer, size)))
        order = []
        # While the file lasts the buffer is full.
        for row, place in enumerate(draw.integers(0, buffer, max(0, size - buffer)), buffer):
            order.append(held[place])
            held[place] = row
        yield np.array([*order, *draw.permutation(held)])


class Quality(NamedTuple):
    """As the module's description has it."""

    positions: float
    moved: float
    pairs: float
    classes: float


def measure(epochs: list[np.ndarray]) -> Quality:
    """The mean over epochs, each int `[size]`."""
    size = len(epochs[0])
    pairs = [np.stack([order[:-1], order[1:]]) for order in epochs]
    codes = [first * size + second for first, second in pairs]
    again = [len(np.intersect1d(a, b)) for a, b in itertools.pairwise(codes)]
    return Quality(
        float(np.mean([chi_square(order) for order in epochs])),
        float(np.mean([np.abs(order - np.arange(size)).mean() / size for order in epochs])),
        float(np.mean(again)),
        float(np.mean([classes_in_a_batch(order) for order in epochs])),
    )


def chi_square(order: np.ndarray) -> float:
    """Chi-square of parts of the file by parts of the epoch, over its degrees of freedom."""
    size = len(order)
    part = np.arange(size) * PARTS // size
    counts = np.zeros((PARTS, PARTS))
    np.add.at(counts, (part[order], part), 1)
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / size
    return float(((counts - expected) ** 2 / expected).sum() / (PARTS - 1) ** 2)


def classes_in_a_batch(order: np.ndarray) -> float:
    """How many classes are in a batch where the file is sorted by class."""
    whole = len(order) // BATCH * BATCH
    batches = (order[:whole] * CLASSES // len(order)).reshape(-1, BATCH)
    return float(np.mean([len(np.unique(batch)) for batch in batches]))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", nargs="*", type=int, default=[60_000, 1_000_000])
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    lines = []
    for size in options.sizes:
        orders: dict[str, Callable[[int, int], Iterator[np.ndarray]]] = {
            "Encore": encore,
            "uniform (NumPy)": uniform,
            "buffer of 10,000": lambda size, epochs: buffered(size, epochs, 10_000),
            "buffer of 1,000": lambda size, epochs: buffered(size, epochs, 1_000),
        }
        for name, make in orders.items():
            found = measure(list(make(size, options.epochs)))
            lines.append(
                [
                    f"{size:,}",
                    name,
                    f"{found.positions:,.3f}",
                    f"{found.moved:.4f}",
                    f"{found.pairs:,.1f}",
                    f"{found.classes:.2f}",
                ]
            )
    print(table(HEAD, lines))


if __name__ == "__main__":
    main()
