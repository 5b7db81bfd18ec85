"""Starting from another run's parameters: taken over to the bit, kept, and checked."""

from __future__ import annotations

import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from research.engine import checkpoint, ledger
from research.engine.identity import read_identity
from research.engine.inputs import from_run, kept
from research.engine.program import Program
from research.engine.run import StoppedRun
from research.errors import Damaged, Mistake
from tests.engine.toy import ToyFeed, make_toy, run_toy
from tests.engine.verifying import check
from tests.engine.watch import records, same_outcome


@pytest.fixture
def initial(finished):
    return from_run(finished[0])


def kept_initial(run, **changed):
    return kept(run, {**ledger.read(run / "ledger.jsonl").header, **changed}).get("initial")


def test_the_parameters_and_nothing_else_are_taken_over(program, finished, initial, tmp_path):
    run_toy(tmp_path, program, seed=1, initial=initial, until=None)
    assert set(initial.leaves) == {"state/params/w", "state/params/b"}
    with pytest.raises(StoppedRun):
        run_toy(tmp_path / "new", program, seed=1, initial=initial, until=0)
    with pytest.raises(StoppedRun):
        run_toy(tmp_path / "own", program, seed=1, until=0)
    source = checkpoint.read(finished[0] / "checkpoints", 60).leaves
    new = checkpoint.read(tmp_path / "new" / "checkpoints", 0).leaves
    own = checkpoint.read(tmp_path / "own" / "checkpoints", 0).leaves
    for name in new:
        expected = source if name.startswith("state/params/") else own
        assert new[name].tobytes() == expected[name].tobytes()
    assert not np.array_equal(new["state/params/w"], own["state/params/w"])


def test_it_is_another_run_that_stops_resumes_and_verifies_without_the_first(
    program, copied, tmp_path
):
    initial = from_run(copied)
    whole = run_toy(tmp_path / "whole", program, initial=initial)
    with pytest.raises(StoppedRun):
        run_toy(tmp_path / "cut", program, initial=initial, until=20)
    shutil.rmtree(copied)
    identity = read_identity(tmp_path / "cut")
    assert identity.initial == initial.digest
    assert identity.config_digest != identity._replace(initial="").config_digest
    initial = kept_initial(tmp_path / "cut")
    assert same_outcome(run_toy(tmp_path / "cut", program, initial=initial), whole)
    assert records(tmp_path / "cut") == records(tmp_path / "whole")
    verdict = check(program, tmp_path / "cut")
    assert verdict.findings == () and verdict.equal == 4

    # With all checkpoints lost it starts again, from the same parameters.
    shutil.rmtree(tmp_path / "cut" / "checkpoints")
    assert same_outcome(run_toy(tmp_path / "cut", program, initial=initial), whole)

    (tmp_path / "cut" / "initial" / "0" / "manifest.json").write_text("{}")
    with pytest.raises(Damaged, match="initial"):
        check(program, tmp_path / "cut")
    with pytest.raises(Damaged, match="does not hold the parameters"):
        kept_initial(tmp_path / "whole", initial="0" * 64)
    assert kept_initial(tmp_path / "whole", initial="") is None


def test_what_does_not_fit_is_named_before_anything_is_created(initial, tmp_path):
    experiment = make_toy()

    def init(key, hyperparameters):
        state = experiment.init(key, hyperparameters)
        b = jnp.zeros(8, jnp.bfloat16)
        return state._replace(params={"w": state.params["w"], "b": b, "c": jnp.zeros(2)})

    def update(state, batch, key):
        raise AssertionError("not reached")

    program = Program(experiment._replace(init=init, update=update, steps=0), ToyFeed())
    with pytest.raises(Mistake) as told:
        run_toy(tmp_path / "new", program, initial=initial)
    assert "state/params/b is float32[8], the program takes bfloat16[8]" in str(told.value)
    assert "state/params/c is not in the checkpoint" in str(told.value)
    assert not (tmp_path / "new").exists()


def test_the_newest_whole_checkpoint_is_the_source(copied, initial, tmp_path):
    (copied / "checkpoints" / "60" / "manifest.json").write_text("{}")
    fallen_back = from_run(copied)
    assert fallen_back.digest != initial.digest
    assert np.array_equal(
        fallen_back.leaves["state/params/w"],
        checkpoint.read(copied / "checkpoints", 40).leaves["state/params/w"],
    )
    with pytest.raises(Mistake, match="has no whole checkpoint"):
        from_run(tmp_path)
