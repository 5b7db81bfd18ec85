"""How batches reach the compiled loop: the interface that `research.data` implements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import jax

from research.engine.experiment import Batch


class Window(NamedTuple):
    """Steps that can run on the arrays at hand.

    Attributes:
        arrays: a pytree on the device; the same shapes and dtypes for every window of a feed.
        start: first step.
        stop: the step after the last.
    """

    arrays: Any
    start: int
    stop: int


class Feed(Protocol):
    """Where the batch of each step comes from."""

    @property
    def per_seed(self) -> bool:
        """Whether the arrays of a window depend on the seed."""

    def fork(self) -> Feed:
        """Another feed of the same data, for another seed at the same time."""

    def batch(self, arrays: Any, seed: jax.Array, step: jax.Array) -> Batch:
        """The batch of `step`, inside the compiled loop: pure in (arrays, seed, step).

        Args:
            arrays: a window's arrays.
            seed: uint32 scalar, traced.
            step: int32 scalar, traced.
        """

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        """Windows that cover `start` to `stop` in order, without gap or overlap.

        A resident feed gives one window of everything; a streamed one prefetches the next.
        """

    def evaluation(self, split: str) -> Iterator[Batch]:
        """The batches of a split, equal in shape, the last padded with weight 0.

        For an experiment without data, one batch that is None.
        """

    def digests(self) -> Mapping[str, str]:
        """Split name -> SHA-256 of its decoded content."""

    def close(self) -> None:
        """Stop the workers, if any."""
