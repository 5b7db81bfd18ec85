"""Windows of one long sequence, and honest splits of it: index arithmetic, no copies.

A batch's rows are the places of its windows' elements, so that a resident column of the whole
sequence is gathered on the device; which step sees which window is a pure function of the step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from research.data.order import RowsOf, permute, steps_per_epoch
from research.engine.experiment import Key, Rows
from research.errors import Mistake


class Span(NamedTuple):
    """A stretch of a sequence.

    Attributes:
        start: its first element.
        stop: the element after its last.
    """

    start: int
    stop: int


def split_by_time(length: int, shares: Mapping[str, float], gap: int) -> dict[str, Span]:
    """Stretches of a sequence one after another, with elements left out between them.

    With a gap as long as a window, no window of one stretch overlaps one of another or is next to
    it: what is validated on was not seen, and neither was what comes right before it. Shares are of
    the elements that are not in gaps, in the order of time.

    Raises:
        Mistake: the gaps leave a stretch without an element.
        ValueError: a share is not positive, or their sum exceeds 1.
    """
    if min(shares.values()) <= 0 or sum(shares.values()) > 1 + 1e-9:
        raise ValueError(f"shares must be positive and sum up to 1 at most, not {dict(shares)}")
    left = length - gap * (len(shares) - 1)
    spans, start, done = {}, 0, 0.0
    for number, (name, share) in enumerate(shares.items()):
        stop = round(left * (done + share)) + gap * number
        if stop <= start:
            raise Mistake(
                f"{length} elements are too few for {len(shares)} splits with gaps of {gap} "
                f"between them: nothing is left of {name!r}. A shorter window needs a shorter gap."
            )
        spans[name] = Span(start, stop)
        start, done = stop + gap, done + share
    return spans


def windows_in(length: int, window: int, shift: int = 1, whose: str = "the sequence") -> int:
    """How many windows fit a sequence, each `shift` elements after the one before.

    Raises:
        Mistake: none does.
    """
    if length < window:
        raise Mistake(f"{whose} has {length} elements, fewer than a window of {window}")
    return 1 + (length - window) // shift


def overlapping_rows(length: int, window: int, batch_size: int, shift: int = 1) -> RowsOf:
    """Windows in a new order each epoch, none of which knows of another: for stateless nets.

    A window, targets included, begins `shift` elements after the one before.

    Returns:
        (order key, step) -> `Rows` whose position is int32 `[batch_size, window]`. An epoch holds
        each window once, but for those that do not fill a batch.

    Raises:
        Mistake: no window fits.
        ValueError: there are fewer windows than a batch has.
    """
    count = windows_in(length, window, shift)
    steps = steps_per_epoch(count, batch_size)

    def rows(key: Key, step: jax.Array) -> Rows:
        step = jnp.asarray(step, jnp.int32)
        place = (step % steps) * batch_size + jnp.arange(batch_size, dtype=jnp.int32)
        number = permute(jax.random.fold_in(key, step // steps), place, count)
        position = shift * number[:, None] + jnp.arange(window, dtype=jnp.int32)
        return Rows(position, jnp.ones(batch_size))

    return rows


class Contiguous(NamedTuple):
    """Windows that go on where the one before stopped: for nets that carry their state.

    The sequence is cut into as many rows as a batch has, one after another; a step sees the next
    window of each. The last elements of a row that do not fill a window are left out.

    Attributes:
        windows: steps until all rows are at their end, and begin anew: those in an epoch.
        rows: (order key, step) -> `Rows` whose position is int32 `[batch_size, window + 1]`: a
            window of inputs and the element after it, its last target.
    """

    windows: int
    rows: RowsOf


def contiguous_rows(length: int, window: int, batch_size: int) -> Contiguous:
    """`batch_size` rows of a sequence that a net reads from beginning to end, a window at a time.

    Raises:
        Mistake: a row is shorter than a window and its last target.
    """
    each = length // batch_size
    if each < window + 1:
        raise Mistake(
            f"{length} elements are {each} in each of {batch_size} rows, fewer than a window of "
            f"{window} and the element after it. Take fewer rows or a shorter window."
        )
    windows = (each - 1) // window

    def rows(key: Key, step: jax.Array) -> Rows:
        del key
        begin = (jnp.asarray(step, jnp.int32) % windows) * window
        first = each * jnp.arange(batch_size, dtype=jnp.int32) + begin
        position = first[:, None] + jnp.arange(window + 1, dtype=jnp.int32)
        return Rows(position, jnp.ones(batch_size))

    return Contiguous(windows, rows)
