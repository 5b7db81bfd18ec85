"""Checkpointing: schedules are valid, cost what the theory says, and change no bit."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.autodiff.checkpointing import (
    Action,
    Reversed,
    binomial,
    differentiate,
    every,
    every_root,
    fewest_advances,
    keep_all,
    reach,
    repeats_needed,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def count(schedule: Iterable[Action], steps: int) -> tuple[Counter[int], int]:
    """How often each step is advanced, and the states kept at most, of a schedule that is valid:
    it keeps and restores what is there, and reverses all steps from the last to the first.
    """
    at, kept, most, left = 0, set(), 0, steps
    advanced: Counter[int] = Counter()
    for kind, step in schedule:
        if kind == "advance":
            assert at < step
            advanced.update(range(at, step))
            at = step
        elif kind == "restore":
            assert step in kept
            at = step
        elif kind == "drop":
            kept.remove(step)
        elif kind == "keep":
            assert step == at and step not in kept
            kept.add(step)
            most = max(most, len(kept))
        else:
            assert step == at == left - 1
            left = step
    assert left == 0 and not kept
    return advanced, most


@pytest.mark.parametrize(
    "wrong",
    [
        [("keep", 0), ("reverse", 0), ("drop", 0)],
        [("keep", 0), ("advance", 1), ("reverse", 1), ("reverse", 0), ("drop", 0)],
        [("keep", 0), ("advance", 1), ("reverse", 1), ("restore", 0), ("reverse", 0)],
    ],
    ids=["one step short", "not restored", "not dropped"],
)
def test_the_count_refuses_schedules_that_are_wrong(wrong: list[tuple[Any, int]]) -> None:
    with pytest.raises(AssertionError):
        count([Action(*each) for each in wrong], 2)


def test_as_many_snapshots_as_steps_need_no_deeper_calls() -> None:
    advanced, kept = count(binomial(2_000, 2_000), 2_000)
    assert set(advanced.values()) == {1} and kept < 2_000


@settings(max_examples=30)
@given(st.integers(1, 300), st.integers(1, 12))
def test_binomial_schedules_are_valid_and_cost_what_the_formula_says(
    steps: int, snapshots: int
) -> None:
    advanced, kept = count(binomial(snapshots, steps), steps)
    assert kept <= snapshots
    assert advanced.total() == fewest_advances(steps, snapshots)
    assert max(advanced.values(), default=0) == repeats_needed(steps, snapshots)


@pytest.mark.parametrize("snapshots, repeats", list(itertools.product([1, 2, 3, 5], [1, 2, 3, 4])))
def test_so_many_steps_are_reversed_with_these_snapshots_and_repeats(
    snapshots: int, repeats: int
) -> None:
    """C(s + r, s) steps, and for one more some step is repeated once more."""
    steps = math.comb(snapshots + repeats, snapshots)
    assert reach(snapshots, repeats) == steps
    for more in (0, 1):
        advanced, _ = count(binomial(snapshots, steps + more), steps + more)
        assert max(advanced.values()) == repeats + more


def test_no_schedule_is_cheaper() -> None:
    """Against a search over all places for the next snapshot."""

    @functools.cache
    def least(steps: int, snapshots: int) -> int:
        if steps == 1:
            return 0
        # Without a snapshot to spare, only the last step may lie behind the place.
        places = range(1, steps) if snapshots > 1 else [steps - 1]
        return min(
            m + least(steps - m, max(1, snapshots - 1)) + least(m, snapshots) for m in places
        )

    for steps in range(1, 40):
        for snapshots in range(1, 6):
            assert fewest_advances(steps, snapshots) == least(steps, snapshots)
    # One that halves is not the cheapest.
    assert least(10, 3) < 5 + least(5, 2) + least(5, 3)


@settings(max_examples=20)
@given(st.integers(1, 200), st.integers(1, 30))
def test_keeping_every_so_many_states_is_valid(steps: int, stretch: int) -> None:
    advanced, kept = count(every(stretch, steps), steps)
    assert max(advanced.values(), default=0) <= 2
    # A stretch that is being reversed has its own states beside the first ones.
    assert kept <= math.ceil(steps / stretch) + min(stretch, steps) - 1
    advanced, kept = count(every_root(steps), steps)
    assert kept <= 2 * math.sqrt(steps) + 2 and advanced.total() < 2 * steps
    advanced, kept = count(keep_all(steps), steps)
    assert kept == steps and advanced.total() == steps - 1


STEPS = 60
SIZE = 3


def step(params: Any, state: Any, index: Any) -> Any:
    return jnp.tanh(params["w"] @ state + params["b"] * jnp.cos(0.1 * index))


@jax.jit
def advance(params: Any, state: Any, index: Any) -> Any:
    return step(params, state, index)


@jax.jit
def advance_and_pull(params: Any, state: Any, index: Any) -> Any:
    return jax.vjp(lambda p, x: step(p, x, index), params, state)


def loss(state: Any) -> Any:
    return jnp.sum(state**2)


def run(schedule: Iterable[Action]) -> Reversed:
    draw = np.random.default_rng(0).standard_normal
    params = {"w": draw((SIZE, SIZE)) / 2, "b": draw(SIZE)}
    return differentiate(
        advance, advance_and_pull, jax.value_and_grad(loss), params, draw(SIZE), schedule
    )


def test_the_gradient_is_jax_s_and_the_same_to_the_bit_under_every_schedule() -> None:
    with jax.enable_x64(True):
        everything = run(keep_all(STEPS))
        few = [run(schedule) for schedule in (every_root(STEPS), binomial(4, STEPS))]
        few.append(run(binomial(1, STEPS)))
        draw = np.random.default_rng(0).standard_normal
        params = {"w": draw((SIZE, SIZE)) / 2, "b": draw(SIZE)}

        def unrolled(params: Any, state: Any) -> Any:
            end, _ = jax.lax.scan(lambda x, i: (step(params, x, i), None), state, jnp.arange(STEPS))
            return loss(end)

        expected = jax.grad(unrolled, (0, 1))(params, draw(SIZE))
    for found in few:
        for one, other in zip(
            jax.tree.leaves(found[:3]), jax.tree.leaves(everything[:3]), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(
        jax.tree.leaves((everything.params, everything.start)),
        jax.tree.leaves(expected),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)
    assert [(each.advances, each.kept) for each in (everything, *few)] == [
        (STEPS - 1, STEPS),
        # 56 forward, 3 in the last stretch, 6 in each of the 8 others, beside whose 6 are 8.
        (56 + 3 + 8 * 6, 14),
        (fewest_advances(STEPS, 4), 4),
        (STEPS * (STEPS - 1) // 2, 1),
    ]


def test_a_schedule_needs_steps_and_snapshots() -> None:
    with pytest.raises(ValueError, match="steps is 0; at least 1"):
        next(keep_all(0))
    with pytest.raises(ValueError, match="snapshots is 0; at least 1"):
        next(binomial(0, 3))
