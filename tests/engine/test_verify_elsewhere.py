"""`verify` on another platform than a run's: equal, near, or not to be said here."""

from __future__ import annotations

import functools
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.digests import furthest, relative_distance
from research.engine.program import Program
from research.engine.replay import TOLERANCE
from research.engine.run import StoppedRun
from research.engine.verify import Judgement
from tests.engine.test_verify import FORGERIES
from tests.engine.toy import SURROUNDINGS, ToyFeed, make_toy, run_toy
from tests.engine.verifying import ELSEWHERE, check, forge, nudging


@functools.cache
def late_nudging(first):
    """The toy with other last bits from a step on."""
    experiment = make_toy()

    def update(state, batch, key):
        after, figures = experiment.update(state, batch, key)
        late = state.hyperparameters["updates"] >= first
        w = after.params["w"] * jnp.where(late, 1 + 1e-6, 1)
        return after._replace(params={**after.params, "w": w}), figures

    return Program(experiment._replace(update=update), ToyFeed())


def test_a_segment_made_elsewhere_is_told(program, tmp_path):
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=20)
    other = SURROUNDINGS._replace(fingerprint={"jax": "2", "pool_size": "8"})
    run_toy(tmp_path, program, surroundings=other)
    verdict = check(program, tmp_path)
    assert verdict.notes == ("the run itself went on after a change: jax was 1 and is 2 now",)
    assert verdict.findings == () and verdict.equal == 4
    # What was made before the change is held to the bit; what came after it is not.
    verdict = check(late_nudging(10), tmp_path)
    assert verdict.judgement is Judgement.DIFFERS and "at step 20" in verdict.findings[0]
    verdict = check(late_nudging(30), tmp_path)
    assert verdict.judgement is Judgement.INCOMPARABLE and verdict.equal == 2


def test_another_environment_is_compared_within_a_tolerance(program, finished, copied):
    verdict = check(nudging(1e-6), finished[0], ELSEWHERE)
    assert verdict.judgement is Judgement.INCOMPARABLE and verdict.findings == ()
    assert (verdict.equal, verdict.near, verdict.compared) == (1, 3, 4)
    assert any("at most " in note for note in verdict.notes)
    # Sketches say the same where no checkpoint is left.
    shutil.rmtree(copied / "checkpoints")
    verdict = check(nudging(1e-6), copied, ELSEWHERE)
    assert verdict.judgement is Judgement.INCOMPARABLE
    assert (verdict.equal, verdict.near, verdict.compared) == (1, 3, 4)
    # With the larger factor a figure before the first save is other than another platform's, too.
    for run, factor in ((finished[0], 1e-2), (copied, 1e-2), (finished[0], 0.3)):
        verdict = check(nudging(factor), run, ELSEWHERE)
        assert verdict.judgement is Judgement.INCOMPARABLE and verdict.findings == ()
        assert (verdict.equal, verdict.near, verdict.compared) == (1, 0, 2), "then it stops"
        assert any("a chaotic run can go" in note for note in verdict.notes)
    # The same bits off in the same environment, or on more devices, are no matter of tolerance.
    for same in (SURROUNDINGS, SURROUNDINGS._replace(
        fingerprint={"jax": "1", "pool_size": "8", "device_count": "4"}
    )):  # fmt: skip
        verdict = check(nudging(1e-6), finished[0], same)
        assert verdict.judgement is Judgement.DIFFERS and verdict.findings


def test_a_false_figure_of_an_equal_state_is_a_difference_elsewhere_too(program, copied):
    forge(copied, FORGERIES["metric between saves"][0])
    verdict = check(program, copied, ELSEWHERE)
    assert any("step 30: the ledger has" in f for f in verdict.findings) and verdict.equal == 4
    assert verdict.judgement is Judgement.DIFFERS


def test_a_start_that_no_platform_makes_is_a_difference_elsewhere_too(copied):
    experiment = make_toy()

    def init(key, hyperparameters):
        state = experiment.init(key, hyperparameters)
        return state._replace(params={**state.params, "b": state.params["b"] + 1})

    verdict = check(Program(experiment._replace(init=init), ToyFeed()), copied, ELSEWHERE)
    assert verdict.judgement is Judgement.DIFFERS
    assert "first difference at step 0, beyond another platform's" in verdict.findings[0]


def test_what_is_not_stored_and_not_sketched_cannot_be_verified_elsewhere(copied):
    def unsketched(kind, content):
        content.pop("sketches", None)

    forge(copied, unsketched)
    shutil.rmtree(copied / "checkpoints")
    verdict = check(nudging(1e-6), copied, ELSEWHERE)
    assert verdict.judgement is Judgement.INCOMPARABLE
    assert verdict.compared == 2, "nothing is made again that nothing can be said of"


def measured_toy(value):
    return Program(
        make_toy()._replace(judge=lambda state, evaluation, key: {"host": value}), ToyFeed()
    )


def test_a_figure_of_the_host_may_be_off_by_its_last_digits_and_no_other(tmp_path):
    run_toy(tmp_path, measured_toy(0.3))
    assert check(measured_toy(0.1 + 0.2), tmp_path).judgement is Judgement.VERIFIED
    for other in (0.3 + 1e-8, float("nan")):
        verdict = check(measured_toy(other), tmp_path)
        assert verdict.judgement is Judgement.DIFFERS and "host" in verdict.findings[0]


def test_nothing_that_is_no_number_is_within_a_tolerance():
    bad, good = np.float32([np.nan, 1]), np.float32([1, 1])
    assert relative_distance(bad, good) == relative_distance(good, bad) == float("inf")
    leaves, stored = {"a": bad, "b": good}, {"a": good, "b": good}
    for names in (["a", "b"], ["b", "a"]):
        assert furthest(names, leaves, stored, {})[1] > TOLERANCE
    assert furthest(["b"], leaves, stored, {})[1] == 0
