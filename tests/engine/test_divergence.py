"""A loss that is not finite: told with step, leaf and last good checkpoint; or gone on from."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from research.engine.loop import Diverged, nonfinite_leaves
from research.engine.program import Program
from research.engine.run import StoppedRun
from research.engine.verify import verify
from research.errors import Exit
from tests.engine.toy import SURROUNDINGS, Cadence, Identity, ToyFeed, make_toy, run_toy
from tests.engine.watch import Notes, same_outcome, saved_steps


@pytest.fixture(scope="module")
def exploding():
    return Program(make_toy(explode_at=33), ToyFeed())


def test_it_stops_with_step_leaf_checkpoint_and_dump(exploding, tmp_path):
    for _ in range(2):  # The same command again: the same end, and nothing lost.
        with pytest.raises(Diverged) as told:
            run_toy(tmp_path, exploding)
        message = str(told.value)
        assert told.value.exit_code == Exit.DIVERGED == 1
        assert "the loss of step 33 is not finite" in message
        assert "state/params/b (8 of 8 values, first at [0])" in message
        assert f"last good checkpoint: {tmp_path / 'checkpoints' / '20'}\n" in message
        assert saved_steps(tmp_path) == [0, 20]

    directory = tmp_path / "nonfinite" / "33"
    with np.load(directory / "state.npz") as file:
        state = dict(file)
    assert np.isnan(state["state/params/b"]).all() and np.isfinite(state["state/params/w"]).all()
    assert state["state/hyperparameters/updates"] == 34
    assert state["state/half"].dtype == np.float32 and state["state/nothing"].shape == (0, 3)
    assert list(json.loads((directory / "leaves.json").read_text())) == ["state/params/b"]


def test_a_loss_is_noticed_whatever_it_is_called(tmp_path):
    experiment = make_toy(explode_at=33)

    def update(state, batch, key):
        after, told = experiment.update(state, batch, key)
        return after, {"critic_loss": told["loss"], "large": told["large"]}

    program = Program(experiment._replace(update=update), ToyFeed())
    with pytest.raises(Diverged, match="the critic loss of step 33 is not finite"):
        run_toy(tmp_path / "noticed", program)
    observer = Notes()
    assert run_toy(tmp_path / "kept", program, halt=False, observer=observer)["complete"]
    assert "the critic loss of step 33 is not finite; going on" in observer.notes


def test_what_the_last_step_breaks_is_told_by_the_evaluation(tmp_path):
    experiment = make_toy()

    def update(state, batch, key):
        after, told = experiment.update(state, batch, key)
        last = after.hyperparameters["updates"] == experiment.steps
        w = jnp.where(last, jnp.nan, after.params["w"])
        return after._replace(params={**after.params, "w": w}), told

    observer = Notes()
    program = Program(experiment._replace(update=update), ToyFeed())
    result = run_toy(tmp_path / "broken", program, observer=observer)
    assert result["complete"] and result["metrics"]["test/loss"] == "nan"
    (note,) = (note for note in observer.notes if "not finite at the end" in note)
    assert "test/loss" in note and "train/loss" not in note


def test_the_step_is_the_same_however_it_is_sliced(exploding, tmp_path):
    slow = Cadence(7, 9, 11, chunk_seconds=1e-9)
    with pytest.raises(Diverged, match="the loss of step 33 is not finite"):
        run_toy(tmp_path, exploding, cadence=slow)
    assert saved_steps(tmp_path) == [0, 11, 22, 33]


def test_keep_goes_on_and_says_so_once(exploding, tmp_path):
    observer = Notes()
    result = run_toy(tmp_path, exploding, halt=False, observer=observer)
    assert result["complete"] and result["metrics"]["train/loss"] == "nan"
    assert [n for n in observer.notes if "not finite" in n] == [
        "the loss of step 33 is not finite; going on"
    ]
    json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)
    identity = Identity("test/toy", {"size": 8}, 0)
    verdict = verify(exploding, identity, tmp_path, SURROUNDINGS, Notes())
    assert verdict.findings == () and verdict.equal == 4


def test_what_was_kept_on_with_stops_without_and_goes_on_with(exploding, tmp_path):
    whole = run_toy(tmp_path / "whole", exploding, halt=False)
    with pytest.raises(StoppedRun):
        run_toy(tmp_path / "cut", exploding, halt=False, until=45)
    with pytest.raises(Diverged, match="the loss of step 33 is not finite"):
        run_toy(tmp_path / "cut", exploding)
    assert same_outcome(run_toy(tmp_path / "cut", exploding, halt=False), whole)


def test_on_a_healthy_run_halt_changes_no_bit(program, finished, tmp_path):
    observer = Notes()
    again = run_toy(tmp_path, program, halt=False, observer=observer)
    assert again["digest"] == finished[1]["digest"]
    assert not [note for note in observer.notes if "not finite" in note]


def test_a_checkpoint_that_is_not_finite_itself_is_not_called_good(tmp_path):
    experiment = make_toy()

    def update(state, batch, key):
        # What overflows in step 19 is saved at 20; the loss tells of it only in step 20.
        after, figures = experiment.update(state, batch, key)
        bad = after.hyperparameters["updates"] == 20
        w = jnp.where(bad, jnp.inf, after.params["w"])
        return after._replace(params={**after.params, "w": w}), figures

    with pytest.raises(Diverged) as told:
        run_toy(tmp_path, Program(experiment._replace(update=update), ToyFeed()))
    assert "the loss of step 20 is not finite" in str(told.value)
    assert f"last good checkpoint: {tmp_path / 'checkpoints' / '0'}\n" in str(told.value)


def test_leaves_of_every_kind_are_looked_at():
    leaves = {
        "state/a": np.float32([[1, np.nan], [np.inf, 0]]),
        "state/b": np.asarray([1, np.inf], jnp.bfloat16),
        "state/c": np.array(np.nan),
        "state/d": np.int32([1]),
        "state/key": np.uint32([2**32 - 1]),
        "state/fine": np.zeros((0, 2)),
        "metrics/loss": np.float32([np.nan]),
    }
    assert nonfinite_leaves(leaves) == {
        "state/a": "2 of 4 values, first at [0, 1]",
        "state/b": "1 of 2 values, first at [1]",
        "state/c": "1 of 1 values",
    }
