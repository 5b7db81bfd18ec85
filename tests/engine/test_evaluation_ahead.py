"""An evaluation gives the device one batch ahead, however slow it is: memory stays bounded."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from research.engine import program as program_module
from research.engine.program import Program
from tests.engine.toy import ToyFeed, make_toy

BATCHES = 30


class Watched(Program):
    """A program whose evaluation of a batch takes long, and what it has been given."""

    def __init__(self) -> None:
        toy = make_toy()

        def evaluate(state: Any, batch: Any, key: jax.Array) -> Any:
            square = jnp.ones((300, 300)) * batch["weight"][0] / 300
            long = jax.lax.fori_loop(0, 20, lambda _, x: x @ square, square)
            weight = batch["weight"] * long[0, 0] / long[0, 0]
            return toy.evaluate(state, {**batch, "weight": weight}, key)

        super().__init__(toy._replace(evaluate=evaluate), Counting(self))
        self.given: list[jax.Array] = []
        self.most = 0

    def _evaluate(self, *arguments: Any) -> Any:
        found = super()._evaluate(*arguments)
        self.given.append(jax.tree.leaves(found)[0])
        return found


class Counting(ToyFeed):
    """Counts, whenever a batch is asked for, how many of those before are not done."""

    def __init__(self, program: Watched) -> None:
        self.program = program

    def evaluation(self, split: str) -> Any:
        batch, _ = super().evaluation(split)
        for _ in range(BATCHES):
            waiting = sum(not each.is_ready() for each in self.program.given)
            self.program.most = max(self.program.most, waiting)
            yield batch


def evaluated() -> int:
    """The most batches that were given to the device and not done."""
    program = Watched()
    carry = program.initial(0)
    for _ in range(2):  # The first compiles.
        found = program.evaluate(carry, "validation", 0)
    jax.tree.map(lambda leaf: leaf.block_until_ready(), found)
    assert len(program.given) == 2 * BATCHES
    return program.most


def test_one_batch_is_ahead_of_the_device():
    assert evaluated() <= 2


def test_the_control_without_waiting_many_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(program_module.jax, "block_until_ready", lambda tree: tree)
    assert evaluated() > 5
