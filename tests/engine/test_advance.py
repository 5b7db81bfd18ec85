"""The compiled loop: no slicing changes a bit or compiles again; what would is seen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.engine import metrics
from research.engine.digests import record_leaves, state_digest
from research.engine.experiment import Experiment, Window
from research.engine.leaves import Reader, name_leaves
from research.engine.loop import Cadence, ChunkSize, default_cadence
from research.engine.program import Program
from tests.engine.toy import ToyFeed, make_toy, run_toy

STEPS = 40
REPORTS = (15, 30, STEPS)
COMPILATION = "/jax/core/compile/backend_compile_duration"


def run_sliced(program: Program, cuts: set[int]) -> tuple[str, list[dict[str, Any]]]:
    """The state's digest after 40 steps, and the figures at the scheduled reports."""
    reader = Reader()
    carry, step, fresh, figures = program.initial(3), 0, True, []
    for stop in sorted({*cuts, *REPORTS}):
        for window in program.feed.windows(3, step, stop):
            carry = program.advance(
                carry, window.arrays, window.start, window.stop, fresh=fresh, halt=True
            )
            fresh = False
        step = stop
        if stop in REPORTS:
            figures.append(metrics.read(reader(carry.metrics)))
            fresh = True
    return state_digest(record_leaves(reader(name_leaves(carry)))), figures


@contextmanager
def counted_compilations() -> Iterator[list[str]]:
    seen: list[str] = []

    def listen(event: str, duration: float, **_: Any) -> None:
        if event == COMPILATION:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


CUTS = st.sets(st.integers(1, STEPS - 1))


@settings(max_examples=25, deadline=None)
@given(CUTS)
def test_any_slicing_gives_the_same_bits_and_figures(program, cuts):
    digest, figures = run_sliced(program, cuts)
    whole_digest, whole_figures = run_sliced(program, set())
    assert digest == whole_digest
    assert figures == whole_figures
    assert figures[0]["never"] is None and figures[0]["large"] > 0


def test_every_cadence_runs_on_one_compilation_of_each_function(tmp_path):
    # Not the shared program, nor what JAX kept of another: it must compile while it is listened to.
    jax.clear_caches()
    program = Program(make_toy(), ToyFeed())
    with counted_compilations() as compilations:
        first = run_toy(tmp_path / "0", program)
        begun = list(compilations)
        cadences = [Cadence(7, 13, 11), Cadence(60, 60, 60, chunk_seconds=1e-9), Cadence(1, 9, 17)]
        digests = {
            run_toy(tmp_path / str(i + 1), program, cadence=cadence)["digest"]
            for i, cadence in enumerate(cadences)
        }
    assert digests == {first["digest"]}
    assert program.compilations == {"initial": 1, "advance": 1, "evaluate": 1, "merge": 1}
    assert len(begun) >= 4 and compilations == begun, "something was compiled in the loop"


def test_the_listener_sees_a_compilation():
    with counted_compilations() as compilations:
        jax.jit(lambda x: x * 17 + 4)(jnp.ones(5)).block_until_ready()
    assert compilations


def test_arguments_of_another_shape_are_refused_and_not_compiled(program):
    carry = program.advance(program.initial(0), None, 0, 1, fresh=True, halt=True)
    with pytest.raises(TypeError):
        program.advance(carry, jnp.ones(3), 1, 2, fresh=True, halt=True)
    assert program.compilations["advance"] == 1


# What the property above must not let pass.


class Tiny(Program):
    """A running sum of what it is fed."""

    def __init__(self, feed: Any) -> None:
        def update(state: Any, batch: Any, key: Any) -> Any:
            value = batch + jax.random.normal(key)
            return state + value, {
                "loss": metrics.mean(value),
                "large": metrics.count(value > 0),
                "never": metrics.mean(value, 0.0),
            }

        super().__init__(
            Experiment(
                init=lambda key, hyperparameters: jnp.float32(0),
                update=update,
                evaluate=lambda state, batch, key: {},
                steps=STEPS,
                items_per_step=1,
                items="numbers",
                hyperparameters={},
            ),
            feed,
        )


class Numbers(ToyFeed):
    def batch(self, arrays: Any, seed: Any, step: Any) -> Any:
        return arrays + step

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        yield Window(np.float32(0), start, stop)


class ByChunk(Numbers):
    """Hands the length of the chunk to the update."""

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        yield Window(np.float32(stop - start), start, stop)


class ByTime(Numbers):
    """Gives other data each time it is asked, as a clock would."""

    clock = itertools.count()

    def windows(self, seed: int, start: int, stop: int) -> Iterator[Window]:
        yield Window(np.float32(next(self.clock)), start, stop)


def differs(program: Program) -> bool:
    return run_sliced(program, {4, 9, 22}) != run_sliced(program, set())


def test_a_sound_feed_does_not_differ():
    assert not differs(Tiny(Numbers()))


def test_an_update_that_depends_on_the_chunk_s_length_is_seen():
    assert differs(Tiny(ByChunk()))


def test_a_batch_that_depends_on_time_is_seen_even_without_slicing():
    program = Tiny(ByTime())
    assert run_sliced(program, set()) != run_sliced(program, set())


# The schedule.


@settings(max_examples=100, deadline=None)
@given(
    st.builds(Cadence, st.integers(1, 30), st.integers(1, 30), st.integers(1, 30)),
    st.integers(0, 100),
    st.integers(1, 50),
    st.integers(1, 50),
)
def test_the_next_stop_passes_over_nothing_that_is_due(cadence, step, ahead, chunk):
    until = step + ahead
    stop = cadence.next_stop(step, until, chunk)
    assert step < stop <= min(until, step + chunk)
    for every in cadence[:3]:
        assert not any(between % every == 0 for between in range(step + 1, stop))


def test_the_default_cadence_serves_short_runs_and_those_of_no_steps():
    assert default_cadence(0, 0)[:3] == (1, 1, 1)
    assert default_cadence(5000, 500)[:3] == (100, 500, 500)


def test_a_chunk_grows_and_shrinks_with_the_rate_and_never_stops():
    chunk = ChunkSize(0.25)
    sizes = [chunk.steps]
    for _ in range(8):
        chunk.update(chunk.steps, chunk.steps * 0.001)
        sizes.append(chunk.steps)
    assert sizes[:4] == [1, 4, 16, 64] and sizes[-1] == 250
    chunk.update(250, 100.0)
    assert chunk.steps == 1
    chunk.update(1, 0.0)
    assert chunk.steps == 4
    chunk.update(4, -1.0)
    assert chunk.steps == 16
