"""Python's operators and an array's attributes for traced values of every mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from research.autodiff import arrays
from research.autodiff import elementwise as each
from research.autodiff.operations import Traced, Value, apply, strip


class Box(Traced):
    """A traced value that is written like a number or an array.

    Comparisons go by the plain value, so that a Python `if` takes the branch that it would take
    without a derivative.
    """

    __slots__ = ()

    def __add__(self, other: Value) -> Value:
        return apply(each.ADD, self, other)

    def __radd__(self, other: Value) -> Value:
        return apply(each.ADD, other, self)

    def __sub__(self, other: Value) -> Value:
        return apply(each.SUBTRACT, self, other)

    def __rsub__(self, other: Value) -> Value:
        return apply(each.SUBTRACT, other, self)

    def __mul__(self, other: Value) -> Value:
        return apply(each.MULTIPLY, self, other)

    def __rmul__(self, other: Value) -> Value:
        return apply(each.MULTIPLY, other, self)

    def __truediv__(self, other: Value) -> Value:
        return apply(each.DIVIDE, self, other)

    def __rtruediv__(self, other: Value) -> Value:
        return apply(each.DIVIDE, other, self)

    def __pow__(self, other: Value) -> Value:
        return apply(each.POWER, self, other)

    def __rpow__(self, other: Value) -> Value:
        return apply(each.POWER, other, self)

    def __matmul__(self, other: Value) -> Value:
        return apply(arrays.MATMUL, self, other)

    def __rmatmul__(self, other: Value) -> Value:
        return apply(arrays.MATMUL, other, self)

    def __neg__(self) -> Value:
        return apply(each.NEGATIVE, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return apply(each.ABS, self)

    def __getitem__(self, index: Any) -> Value:
        return apply(arrays.GETITEM, self, index)

    def __len__(self) -> int:
        return len(strip(self))

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    def __lt__(self, other: Value) -> Any:
        return strip(self) < strip(other)

    def __le__(self, other: Value) -> Any:
        return strip(self) <= strip(other)

    def __gt__(self, other: Value) -> Any:
        return strip(self) > strip(other)

    def __ge__(self, other: Value) -> Any:
        return strip(self) >= strip(other)

    def __eq__(self, other: object) -> Any:
        return strip(self) == strip(other)

    def __ne__(self, other: object) -> Any:
        return strip(self) != strip(other)

    # Equal values are not one value: they may have other derivatives.
    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(strip(self))

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape, () for a number."""
        return np.shape(strip(self))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return np.ndim(strip(self))

    @property
    def size(self) -> int:
        """The number of entries."""
        return np.size(strip(self))

    @property
    def T(self) -> Value:  # noqa: N802
        """The array with its axes reversed."""
        return arrays.transpose(self)
