"""Sparse Jacobians: columns that never meet in a row are summed by one pass of forward mode.

An entry is named by its row and its column, so that a matrix which is nearly empty takes no more
room than its entries.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from research.autodiff.forward import jvp
from research.autodiff.jacobians import Function, as_vector
from research.autodiff.operations import Value


def color_columns(pattern: np.ndarray) -> np.ndarray:
    """A colour for each column, such that no two of one colour have an entry in the same row.

    Args:
        pattern: bool `[m, n]`, true where an entry may be other than 0.

    Returns:
        int `[n]`, colours from 0 on; see `color_entries`.

    Raises:
        ValueError: where the pattern is no matrix.
    """
    pattern = np.asarray(pattern, bool)
    if pattern.ndim != 2:
        raise ValueError(f"a pattern is a matrix, [m, n]; this has the shape {pattern.shape}")
    rows, columns = np.nonzero(pattern)
    return color_entries(rows, columns, pattern.shape)


def color_entries(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The same of a pattern that is given by its entries.

    Columns are taken in turn, those with most entries first, and each is given the first colour
    that fits. The fewest colours are not promised (that is NP-complete), only that there are no
    more than one above the largest number of columns that a column meets.

    Args:
        rows: int `[entries]`, of the entries that may be other than 0, each once.
        columns: theirs.
        shape: of the Jacobian, `(m, n)`.

    Returns:
        int `[n]`, colours from 0 on.

    Source: Curtis, Powell and Reid 1974, On the estimation of sparse Jacobian matrices; as
    colouring: Coleman and Moré 1983.
    """
    counts = np.bincount(columns, minlength=shape[1])
    of_column = np.split(rows[np.argsort(columns, kind="stable")], np.cumsum(counts)[:-1])
    colors = np.full(shape[1], -1)
    # Whether a row has an entry of a colour already; there is always a colour that none has.
    taken = np.zeros((shape[0], 16), bool)
    for column in np.argsort(-counts, kind="stable"):
        mine = of_column[column]
        color = int(np.argmin(taken[mine].any(axis=0)))
        colors[column] = color
        taken[mine, color] = True
        if color == taken.shape[1] - 1:
            taken = np.concatenate([taken, np.zeros_like(taken)], axis=1)
    return colors


def jacobian_entries(
    f: Function, rows: np.ndarray, columns: np.ndarray, colors: np.ndarray
) -> Callable[[Value], np.ndarray]:
    """The entries of a sparse Jacobian, by one pass of forward mode for each colour.

    The columns of a colour are summed by one pass; each row of the sum has one entry at most.

    Args:
        f: the function.
        rows: int `[entries]`, of the entries that may be other than 0 at any point. Entries
            elsewhere are not noticed, and fall upon others.
        columns: theirs.
        colors: int `[n]`, of each column, as `color_entries` gives them.

    Returns:
        A function from `[n]` to the entries, in this order.

    Source: Curtis, Powell and Reid 1974.
    """
    chosen = [np.flatnonzero(colors[columns] == color) for color in range(colors.max() + 1)]

    def evaluate(x: Value) -> np.ndarray:
        x = as_vector(x)
        if np.size(x) != len(colors):
            raise ValueError(_other_size(len(colors), "columns", np.size(x)))
        found = np.zeros(len(rows))
        for color, entries in enumerate(chosen):
            summed = jvp(f, (x,), ((colors == color).astype(float),))[1]
            found[entries] = summed[rows[entries]]
        return found

    return evaluate


def sparse_jacobian(f: Function, pattern: np.ndarray) -> Callable[[Value], np.ndarray]:
    """The Jacobian as a whole matrix, by one pass of forward mode for each colour.

    Args:
        f: the function.
        pattern: bool `[m, n]`, true wherever the Jacobian may be other than 0 at any point.

    Returns:
        A function from `[n]` to an array `[m, n]`.

    Raises:
        ValueError: by the function it gives, where the pattern has not the Jacobian's shape.
    """
    pattern = np.asarray(pattern, bool)
    rows, columns = np.nonzero(pattern)

    def checked(x: Value) -> Value:
        out = f(x)
        if np.shape(out) != pattern.shape[:1]:
            raise ValueError(_other_size(pattern.shape[0], "rows", np.size(out)))
        return out

    entries = jacobian_entries(checked, rows, columns, color_columns(pattern))

    def evaluate(x: Value) -> np.ndarray:
        whole = np.zeros(pattern.shape)
        whole[rows, columns] = entries(x)
        return whole

    return evaluate


def _other_size(expected: int, what: str, found: int) -> str:
    return f"the pattern has {expected} {what}, and the Jacobian {found}"
