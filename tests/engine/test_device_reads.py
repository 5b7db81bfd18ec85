"""The loop reads the device through `Reader` alone, and not more often for more steps.

Arrays can be read in many ways, some of them in C where nothing can be counted. So the loop is
given sealed leaves that nothing can read but a reader which knows how to open them.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import numpy as np
import pytest

from research.engine import run
from research.engine.leaves import Reader
from research.engine.loop import Cadence
from research.engine.program import Program
from tests.engine.toy import ToyFeed, make_toy, run_toy
from tests.engine.watch import Notes


class Sealed:
    def __init__(self, leaf: Any) -> None:
        self.opaque = leaf

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("the device was read beside the Reader")


def seal(tree: Any) -> Any:
    return jax.tree.map(Sealed, tree)


def unseal(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.opaque if isinstance(leaf, Sealed) else leaf, tree)


class SealedProgram(Program):
    advances = 0

    def initial(self, seed: int, hyperparameters: Any = None) -> Any:
        return seal(super().initial(seed, hyperparameters))

    def advance(self, carry: Any, *arguments: Any, **keywords: Any) -> Any:
        self.advances += 1
        return seal(super().advance(unseal(carry), *arguments, **keywords))

    def evaluate(self, carry: Any, split: str, step: int) -> Any:
        return seal(super().evaluate(unseal(carry), split, step))


class Opener(Reader):
    made: ClassVar[list[Opener]] = []

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)

    def __call__(self, tree: Any) -> Any:
        return super().__call__(unseal(tree))


@pytest.fixture(scope="module")
def sealed() -> SealedProgram:
    return SealedProgram(make_toy(), ToyFeed())


def test_all_reads_go_through_the_reader_and_do_not_grow_with_the_steps(
    sealed, finished, tmp_path, monkeypatch
):
    monkeypatch.setattr(run, "Reader", Opener)
    counts = []
    for name, cadence in {
        "small": Cadence(10, 20, 20, chunk_seconds=1e-9),
        "large": Cadence(10, 20, 20, chunk_seconds=1e9),
        "rare": Cadence(60, 60, 60, chunk_seconds=1e9),
    }.items():
        Opener.made.clear()
        sealed.advances = 0
        result = run_toy(tmp_path / name, sealed, cadence=cadence, observer=Notes())
        assert result["digest"] == finished[1]["digest"]
        (reader,) = Opener.made
        reports, evaluations, saves = 60 // cadence[0], 60 // cadence[1], 1 + 60 // cadence[2]
        final = 1
        assert reader.reads == sealed.advances + reports + evaluations + saves + final
        counts.append((reader.reads, sealed.advances))
    assert counts[0][1] == 60, "one step a chunk"
    assert counts[2][1] < counts[1][1] < 15, "the same steps in few chunks"


def test_a_read_beside_the_reader_would_be_seen(sealed):
    carry = sealed.initial(0)
    with pytest.raises(AssertionError, match="beside the Reader"):
        np.array(carry.nonfinite)
    for read in (int, float, memoryview, list):
        with pytest.raises(TypeError):
            read(carry.nonfinite)


def test_the_reader_counts_calls_and_bytes():
    reader = Reader()
    reader({"a": np.zeros(3, np.float32), "b": np.zeros((), np.int32)})
    reader(np.zeros(5, np.uint8))
    assert (reader.reads, reader.bytes) == (2, 21)
