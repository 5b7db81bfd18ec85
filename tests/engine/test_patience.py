"""Patience: a run ends after so many evaluations without a better one, and always at the same."""

from __future__ import annotations

import contextlib
import shutil

import jax
import jax.numpy as jnp
import pytest

from research.engine import checkpoint, ledger, metrics
from research.engine.checkpoint import Retention
from research.engine.experiment import Experiment, Selection
from research.engine.identity import Identity, Many, from_fields, read_identity
from research.engine.loop import Cadence
from research.engine.population import Population, Seeded
from research.engine.program import Program
from research.engine.run import Slicing, StoppedRun, launch
from research.engine.selection import better, end_of, figure_names, is_over, with_patience
from research.engine.verify import verify
from tests.engine.toy import SURROUNDINGS, ToyFeed
from tests.engine.verifying import forge
from tests.engine.watch import Notes, Signaller, records, same_outcome

pytestmark = pytest.mark.usefixtures("plainly_compiled")

FIGURES = (5.0, 3.0, 4.0, 2.0, 6.0, 7.0, 8.0, 1.0, 9.0)
"""At steps 10, 20, ...: the least before 80 at 40; one worse one comes between 20 and 40."""
STEPS = 10 * len(FIGURES)


def make(patience, figures=FIGURES, selection=Selection("validation/score", False)):
    """An experiment whose validation figures are given for each member, by its number."""
    table = jnp.float32(figures if isinstance(figures[0], tuple) else [figures])

    def init(key, hyperparameters):
        return {"step": jnp.int32(0), "member": hyperparameters["member"]}

    def evaluate(state, batch, key):
        row = table[state["member"].astype(int)]
        step = state["step"].astype(jnp.float32)
        return {"score": metrics.mean(row[state["step"] // 10 - 1]), "step": metrics.mean(step)}

    experiment = Experiment(
        init=init,
        update=lambda state, batch, key: ({**state, "step": state["step"] + 1}, {}),
        evaluate=evaluate,
        steps=STEPS,
        items_per_step=1,
        items="steps",
        hyperparameters={"member": 0.0},
        evaluate_every=10,
        selection=selection,
        judge=lambda state, evaluation, key: {"measured/step": float(state["step"])},
    )
    return with_patience(experiment, ["validation/score", "validation/step"], patience)


def identity_of(patience, **more):
    return Identity("test/patient", {"size": 8}, 0, patience=patience, **more)


def run(directory, program, patience, observer=None, until=None, cadence=Cadence(7, 10, 30)):
    slicing = Slicing(cadence, Retention(1), until)
    identity = identity_of(patience)
    return launch(program, identity, directory, SURROUNDINGS, slicing, observer or Notes())


def check(program, directory, patience):
    return verify(program, identity_of(patience), directory, SURROUNDINGS, Notes())


@pytest.fixture(scope="module")
def program():
    return Program(make(3), ToyFeed())


@pytest.mark.parametrize(
    ("patience", "end", "best"), [(0, 90, 80), (1, 30, 20), (3, 70, 40), (4, 90, 80)]
)
def test_it_ends_where_patience_does_and_reports_the_best(tmp_path, patience, end, best):
    program = Program(make(patience), ToyFeed())
    observer = Notes()
    result = run(tmp_path, program, patience, observer)
    assert result["complete"] and result["step"] == end
    assert result["metrics"]["reported_step"] == result["metrics"]["test/step"] == best
    assert ("stopped_early" in result) == (end < STEPS)
    assert ("evaluations in a row without a better validation/score" in observer) == (end < STEPS)
    assert checkpoint.stored_steps(tmp_path / "checkpoints") == [best, end]
    verdict = check(program, tmp_path, patience)
    assert verdict.findings == () and verdict.equal == verdict.compared > end // 10
    before = records(tmp_path)
    again = Notes()
    assert same_outcome(run(tmp_path, program, patience, again), result)
    assert "already finished" in again and records(tmp_path) == before


@pytest.mark.parametrize(
    "stops",
    [
        *(pytest.param(stops, marks=pytest.mark.slow) for stops in ((10, 20, 30), (70,))),
        (40, 69),
        (5, 65, 70),
    ],
)
def test_stops_and_signals_do_not_change_where_it_ends(program, tmp_path, stops):
    whole = run(tmp_path / "whole", program, 3)
    for until in stops:
        if until < 70:
            with pytest.raises(StoppedRun):
                run(tmp_path / "cut", program, 3, until=until)
        else:
            assert run(tmp_path / "cut", program, 3, until=until)["complete"]
    assert same_outcome(run(tmp_path / "cut", program, 3), whole)
    with contextlib.suppress(StoppedRun):
        run(tmp_path / "signalled", program, 3, Signaller(stops[0]))
    assert same_outcome(run(tmp_path / "signalled", program, 3), whole)


def test_killed_after_its_last_save_it_ends_there_and_makes_no_step_more(program, tmp_path):
    """The moment at which the state is saved and nothing says yet that it is the end."""
    whole = run(tmp_path / "whole", program, 3)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    path = tmp_path / "cut" / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    (tmp_path / "cut" / "result.json").unlink()
    observer = Notes()
    assert same_outcome(run(tmp_path / "cut", program, 3, observer), whole)
    assert observer.steps == [] and records(tmp_path / "cut") == records(tmp_path / "whole")
    # Control: without patience it would have gone on from there.
    path.write_bytes(b"".join(lines[:-1]))
    assert end_of(ledger.read(path).reports(), Selection("validation/score", False), STEPS) == STEPS


def test_killed_between_any_two_lines_of_its_ledger_it_ends_alike(program, tmp_path):
    whole = run(tmp_path / "whole", program, 3)
    lines = (tmp_path / "whole" / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 9
    for number in range(len(lines)):
        cut = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", cut)
        (cut / "ledger.jsonl").write_bytes(b"".join(lines[:number]))
        if not number:
            shutil.rmtree(cut / "checkpoints")
        assert same_outcome(run(cut, program, 3), whole)
        assert records(cut) == records(tmp_path / "whole")


@pytest.mark.parametrize("lost", [40, 70])
def test_a_checkpoint_that_is_lost_is_made_again_to_the_same_end(program, tmp_path, lost):
    whole = run(tmp_path, program, 3)
    before = records(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / str(lost))
    assert same_outcome(run(tmp_path, program, 3), whole)
    assert records(tmp_path) == before
    assert checkpoint.stored_steps(tmp_path / "checkpoints") == [40, 70]


def test_the_replay_notices_another_end(program, tmp_path):
    """A run that went on after its end, and one that says it was complete before."""
    run(tmp_path / "on", program, 1)
    findings = check(Program(make(1), ToyFeed()), tmp_path / "on", 1).findings
    assert "result: the run ended at step 70, by its figures at 30" in findings
    assert check(program, tmp_path / "on", 1).findings == ()  # control

    def change(kind, content):
        if kind == "result":
            content["shown"]["step"] = 60

    run(tmp_path / "forged", program, 3)
    forge(tmp_path / "forged", change)
    findings = check(program, tmp_path / "forged", 3).findings
    assert "result: the run ended at step 60, by its figures at 70" in findings


def test_it_is_another_run_and_no_recorded_one_is(tmp_path, program):
    plain, patient = identity_of(0), identity_of(3)
    assert plain.config_digest == Identity("test/patient", {"size": 8}, 0).config_digest
    assert "patience" not in plain.fields and "patience" not in plain.spell()
    assert patient.config_digest not in (plain.config_digest, identity_of(2).config_digest)
    run(tmp_path, program, 3)
    assert read_identity(tmp_path) == patient == from_fields(patient.fields)


@pytest.mark.parametrize("width", [1, 2])
def test_a_population_ends_with_its_most_patient_and_each_reports_as_alone(tmp_path, width):
    other = (1.0, 2.0, 2.5, 3.0, 0.5, 0.4, 0.3, 0.2, 0.1)
    """The second is out at 40, before the figures that would have been its best."""
    tables = (FIGURES, other)
    experiment = make(3, tables)
    members = [Seeded(0, {"member": float(k)}) for k in range(2)]
    population = Population(experiment, ToyFeed(), members, width)
    identity = Identity(
        "test/patient", {"member": [0.0, 1.0]}, 0, "", Many(1, width, ("member",)), 3
    )
    slicing = Slicing(Cadence(7, 10, 30), Retention(1))

    def go(directory, until=None):
        return launch(
            population, identity, directory, SURROUNDINGS, slicing._replace(until=until), Notes()
        )

    result = go(tmp_path / "all")
    assert result["step"] == 70 and result["complete"] and result["stopped_early"]
    for k, member in enumerate(result["members"]):
        solo = run(tmp_path / str(k), Program(make(3, tables[k]), ToyFeed()), 3)
        assert solo["step"] == (70, 40)[k]
        for name in ("reported_step", "test/step", "measured/step", "test/score"):
            assert member["metrics"][name] == solo["metrics"][name]
    assert [m["metrics"]["reported_step"] for m in result["members"]] == [40, 10]
    for until in (20, 45):
        with pytest.raises(StoppedRun):
            go(tmp_path / "cut", until)
    assert same_outcome(go(tmp_path / "cut"), result)
    arguments = (identity, tmp_path / "all", SURROUNDINGS, Notes())
    assert not verify(population, *arguments).findings


def test_figures_that_are_no_numbers_are_waited_for_and_never_the_best():
    selection = Selection("v", False, patience=2)
    bests = ()
    for step, figure in enumerate(["nan", 3.0, "nan", "inf"]):
        assert not is_over(bests, selection)
        bests = better(bests, step, {"v": figure}, selection)
    assert is_over(bests, selection) and bests[0].step == 1
    assert better(bests, 9, {"v": 0.0}, selection) == bests  # who is out stays out
    assert not is_over((), selection) and not is_over((None,), selection)


def test_what_is_waited_for_is_the_selection_or_the_figure_that_matters(program):
    plain = make(0, selection=None)
    names = figure_names(plain, ToyFeed(), plain.watched)
    assert names == {"validation/score", "validation/step"}
    assert with_patience(plain, names, 3).selection == Selection("validation/score", True, 3)
    assert program.experiment.selection == Selection("validation/score", False, 3)
    assert with_patience(plain, {"validation/nothing"}, 3).selection is None
    assert with_patience(plain, names, 0).selection is None
    jax.clear_caches()
