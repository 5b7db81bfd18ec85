"""Several sources mixed by weights: which of them a row of a batch is from follows from the step.

mixed = Mixed((english, code), (3, 1))
Data({"train": mixed}, mixed.rows(batch_size))
"""

from __future__ import annotations

import dataclasses
import functools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from research.data.order import LARGEST, RowsOf, permute_any
from research.data.sources.chained import Chained
from research.data.sources.wrapping import digest_of
from research.engine.experiment import Key, Rows
from research.errors import Mistake

MOST_PARTS = 4096
"""Weights are whole numbers of parts, of so many altogether at most."""


@dataclasses.dataclass(frozen=True, eq=False)
class Mixed(Chained):
    """Sources that training reads in proportion to weights; as a source, they lie end to end.

    Nothing is drawn, and nothing kept: which source row i of an epoch is from, and which of its
    examples that is, are pure functions of i. Turns are taken as evenly as can be: of any first n
    rows of an epoch each source has its share within less than one, and of any n consecutive ones
    within less than two. Each source is read in passes: a new permutation, by the run's seed, in
    which each of its examples comes once, then the next.

    An epoch is the fewest whole batches in which every example of every source is read at least
    once. So small sources with large weights are read many times in it; where it ends, passes are
    broken off, and the next epoch begins new ones.

    Attributes:
        sources: with the same columns, as those of `Chained`; none is empty.
        weights: of each, any positive numbers; (3, 1) and (.75, .25) are the same. Shares are exact
            if whole parts of at most `MOST_PARTS` have them, and otherwise as near as these come.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != len(self.sources):
            raise ValueError(
                f"there are {len(self.sources)} sources and {len(self.weights)} weights: give one "
                "for each"
            )
        if not all(math.isfinite(weight) and weight > 0 for weight in self.weights):
            raise ValueError(
                f"weights are positive numbers, not {self.weights}; leave out a source that is not "
                "to be read"
            )
        if len(self.sources) > MOST_PARTS:
            raise ValueError(f"at most {MOST_PARTS:,} sources can be mixed")

    @property
    def name(self) -> str:
        """`3 parts of one (CSV), 1 of another (CSV)`."""
        each = zip(self.parts, self.sources, strict=True)
        return ", ".join(
            f"{parts:,}{' parts' if not k else ''} of {source.name}"
            for k, (parts, source) in enumerate(each)
        )

    @functools.cached_property
    def parts(self) -> tuple[int, ...]:
        """The weights as whole numbers without a common divisor."""
        return whole_parts(self.weights)

    @functools.cached_property
    def _turns(self) -> np.ndarray:
        return take_turns(self.parts)

    @functools.cached_property
    def _counts(self) -> np.ndarray:
        counts = np.diff(self._ends, prepend=0)
        for count, source in zip(counts, self.sources, strict=True):
            if not count:
                raise Mistake(f"{source.name} has no example to be mixed with others; leave it out")
        return counts

    @property
    def epoch(self) -> int:
        """The fewest rows in which every example of every source is read at least once.

        Raises:
            Mistake: if they are too many, or a source has none.
        """
        last = 0
        for source, (parts, count) in enumerate(zip(self.parts, self._counts, strict=True)):
            (turns,) = np.nonzero(self._turns == source)
            rounds, turn = divmod(int(count) - 1, parts)
            last = max(last, rounds * len(self._turns) + int(turns[turn]) + 1)
        if last > LARGEST:
            raise Mistake(
                f"{self.name}: {last:,} rows are needed to read every example, and an epoch has at "
                f"most {LARGEST:,}; give more weight to the largest source"
            )
        return last

    def steps(self, batch_size: int) -> int:
        """The number of batches in an epoch."""
        return -(-self.epoch // batch_size)

    def rows(self, batch_size: int, passes: int = 1) -> RowsOf:
        """Rows of a step: (order key, step) -> `Rows` `[batch_size]`, each of weight 1.

        Args:
            batch_size: rows in a batch.
            passes: those of a `Repeated` of this source, where it is one: each time that an example
                is read it is from the next of these passes.

        Raises:
            ValueError: if a number is not positive.
            Mistake: as `epoch`.
        """
        if batch_size < 1 or passes < 1:
            raise ValueError(f"batch_size is {batch_size} and passes {passes}: at least 1 each")
        steps, period = self.steps(batch_size), len(self._turns)
        if max(steps * batch_size, len(self) * passes) > LARGEST:
            raise ValueError(
                f"an epoch of batches of {batch_size}, {passes} times, has too many rows"
            )
        # Which turn of its source each of a period's rows is.
        nth = np.zeros(period, np.int32)
        for source in range(len(self.sources)):
            (turns,) = np.nonzero(self._turns == source)
            nth[turns] = np.arange(len(turns))
        turns, parts = self._turns.astype(np.int32), np.asarray(self.parts, np.int32)
        counts, begins = (
            each.astype(np.int32) for each in (self._counts, self._ends - self._counts)
        )
        most = -(-(steps * batch_size) // period) * max(self.parts) // int(min(counts)) + 1

        def rows(key: Key, step: jax.Array) -> Rows:
            step = jnp.asarray(step, jnp.int32)
            epoch, row = step // steps, jnp.arange(batch_size, dtype=jnp.int32)
            row = step % steps * batch_size + row
            source = jnp.asarray(turns)[row % period]
            read = row // period * jnp.asarray(parts)[source] + jnp.asarray(nth)[row % period]
            count = jnp.asarray(counts)[source]
            order = jax.random.fold_in(key, epoch)

            def place(
                source: jax.Array, done: jax.Array, at: jax.Array, size: jax.Array
            ) -> jax.Array:
                own = jax.random.fold_in(jax.random.fold_in(order, source), done)
                return permute_any(own, at, size.astype(jnp.uint32))

            done = read // count
            places = jax.vmap(place)(source, done, read % count, count)
            position = jnp.asarray(begins)[source] + places
            if passes > 1:
                position += (epoch * most + done) % passes * len(self)
            return Rows(position, jnp.ones(batch_size, jnp.float32))

        return rows

    def digest(self) -> str:
        """Those of the sources in their order, with the weights."""
        super().digest()
        return digest_of(self.sources, "mixed", self.parts)


def whole_parts(weights: tuple[float, ...]) -> tuple[int, ...]:
    """Positive weights as whole numbers, `MOST_PARTS` altogether at most.

    Exact where such numbers have the same proportions as the decimals of the weights; otherwise
    `MOST_PARTS` of them, by the largest remainder, and each source at least one.
    """
    exact = [Fraction(str(weight)) for weight in weights]
    common = math.lcm(*(each.denominator for each in exact))
    whole = [int(each * common) for each in exact]
    divisor = math.gcd(*whole)
    whole = [each // divisor for each in whole]
    if sum(whole) <= MOST_PARTS:
        return tuple(whole)
    quota = [Fraction(each * MOST_PARTS, sum(whole)) for each in whole]
    parts = [max(1, math.floor(each)) for each in quota]
    while sum(parts) != MOST_PARTS:
        more = sum(parts) < MOST_PARTS
        behind = [(q - p, -k) for k, (q, p) in enumerate(zip(quota, parts, strict=True))]
        if more:
            parts[-max(behind)[1]] += 1
        else:
            parts[-min(each for each in behind if parts[-each[1]] > 1)[1]] -= 1
    divisor = math.gcd(*parts)
    return tuple(each // divisor for each in parts)


def take_turns(parts: tuple[int, ...]) -> np.ndarray:
    """Whose turn it is, int `[sum(parts)]`: k has `parts[k]` turns, spread as evenly as can be.

    After any number n of turns, of this period over and over, k has had its share of n within
    1 - 1 / (2 K - 2), if there are K of them.

    Source: Tijdeman 1980, "The chairman assignment problem", section 2.
    """
    period, count = sum(parts), len(parts)
    turns = np.zeros(period, np.int64)
    if count == 1:
        return turns
    # Shares times the period times 2 (K - 1), so that all are whole numbers.
    scale = 2 * count - 2
    shares, had = np.asarray(parts, np.int64), np.zeros(count, np.int64)
    for turn in range(period):
        due = scale * (shares * (turn + 1) - had * period)
        (may,) = np.nonzero(due >= period)
        # The one that could wait least, by its own share: the smallest ((scale - 1) - due) / share.
        left = [((scale - 1) * period - int(due[k]), int(shares[k]), k) for k in may]
        chosen = min(left, key=lambda each: (Fraction(each[0], each[1]), each[2]))[2]
        turns[turn] = chosen
        had[chosen] += 1
    return turns
