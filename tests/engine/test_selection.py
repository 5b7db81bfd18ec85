"""Which state a run reports: the last, or the best by a metric, which is kept until then."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import pytest

from research.engine import checkpoint, ledger, metrics
from research.engine.checkpoint import Retention
from research.engine.experiment import Experiment, Selection
from research.engine.program import Program
from research.engine.run import StoppedRun
from research.engine.selection import Best, best_by, better, reported_steps, steps_of, with_patience
from research.engine.stored import read_state
from research.engine.verify import verify
from research.errors import Damaged, Mistake
from tests.engine.toy import SURROUNDINGS, Cadence, Identity, ToyFeed, make_toy, run_toy
from tests.engine.verifying import check, forge
from tests.engine.watch import Notes, records, same_outcome

FIGURES = (3.0, 7.0, 5.0, 7.0, 1.0, 4.0)
"""At steps 10, 20, ...: two equal largest, one smallest near the end."""


def make_scripted(larger=True, figures=FIGURES, final=("test",)):
    """An experiment whose validation figures are given, and whose test figure is the step."""

    def evaluate(state, batch, key):
        figure = jnp.float32(figures)[(state["step"] // 10).astype(int) - 1]
        step = state["step"].astype(jnp.float32)
        return {"score": metrics.mean(figure), "step": metrics.mean(step)}

    return Experiment(
        init=lambda key, hyperparameters: {"step": jnp.int32(0)},
        update=lambda state, batch, key: ({"step": state["step"] + 1}, {}),
        evaluate=evaluate,
        steps=10 * len(figures),
        items_per_step=1,
        items="steps",
        hyperparameters={},
        evaluate_every=10,
        final=final,
        selection=Selection("validation/score", larger),
        judge=lambda state, evaluation, key: {"measured/step": state["step"]},
    )


CADENCE = Cadence(10, 10, 30)


@pytest.fixture(scope="module")
def largest():
    return Program(make_scripted(), ToyFeed())


def run(directory, program, **more):
    return run_toy(directory, program, cadence=CADENCE, retention=Retention(1), **more)


@pytest.mark.parametrize(("larger", "best"), [(True, 20), (False, 50)])
def test_the_best_state_is_reported_and_kept(tmp_path, larger, best):
    program = Program(make_scripted(larger), ToyFeed())
    result = run(tmp_path, program)
    assert result["metrics"]["reported_step"] == best
    assert result["metrics"]["test/step"] == result["metrics"]["measured/step"] == best
    assert result["step"] == 60 and result["metrics"]["validation/score"] == 4.0
    assert checkpoint.stored_steps(tmp_path / "checkpoints") == [best, 60]
    verdict = check(program, tmp_path)
    assert verdict.findings == () and verdict.equal == 7


def test_without_a_selection_the_last_is_reported(tmp_path):
    program = Program(make_scripted()._replace(selection=None), ToyFeed())
    result = run(tmp_path, program)
    assert result["metrics"]["test/step"] == 60 and "reported_step" not in result["metrics"]


def test_where_the_last_is_the_best_it_is_reported_as_such(tmp_path):
    program = Program(make_scripted(figures=(1.0, 2.0, 3.0)), ToyFeed())
    result = run(tmp_path, program)
    assert result["metrics"]["test/step"] == 30 and "reported_step" not in result["metrics"]


def test_what_luck_chose_is_evaluated_with_a_key_of_its_own(tmp_path):
    """The reported figure of a choice among draws is another draw; without a choice it is seen."""

    def draws(state, batch, key):
        return {"score": metrics.mean(jax.random.uniform(key))}

    watched = make_scripted(final=("validation",))._replace(evaluate=draws)
    result = run(tmp_path / "chosen", Program(watched, ToyFeed()))
    saves = ledger.read(tmp_path / "chosen" / "ledger.jsonl").saves()
    seen = {step: line["metrics"].get("validation/score") for step, line in saves.items()}
    best = max(value for value in seen.values() if value is not None)
    assert seen[result["metrics"]["reported_step"]] == best
    assert result["metrics"]["validation/score"] not in seen.values()
    assert check(Program(watched, ToyFeed()), tmp_path / "chosen").findings == ()
    last = run(tmp_path / "last", Program(watched._replace(selection=None), ToyFeed()))
    assert last["metrics"]["validation/score"] == seen[60]


@pytest.mark.parametrize(
    ("named", "metric", "larger"),
    [
        ("", "validation/accuracy", True),
        ("validation/loss", "validation/loss", False),
        ("test/loss", "validation/accuracy", True),  # not watched
        ("validation/norm", "validation/accuracy", True),  # of no known direction
    ],
)
def test_the_figure_that_an_experiment_names_is_what_keeps_the_best(named, metric, larger):
    names = ["validation/accuracy", "validation/loss", "validation/norm", "test/loss"]
    found = best_by(make_toy()._replace(headline=named), names)
    assert found == Selection(metric, larger)
    patient = with_patience(make_toy()._replace(headline=named), names, 3)
    assert patient.selection == Selection(metric, larger, 3)


def test_the_figure_that_an_experiment_names_stands_in_the_first_line(largest, tmp_path):
    run(tmp_path / "plain", largest)
    assert "headline" not in ledger.read(tmp_path / "plain" / "ledger.jsonl").header
    named = Program(largest.experiment._replace(headline="test/step"), ToyFeed())
    result = run(tmp_path / "named", named)
    assert ledger.read(tmp_path / "named" / "ledger.jsonl").header["headline"] == "test/step"
    assert check(named, tmp_path / "named").findings == () and result["complete"]


def test_whoever_looks_sees_what_is_reported(largest, tmp_path):
    run(tmp_path, largest)
    step, state = read_state(tmp_path, largest.experiment)
    assert step == int(state["step"]) == 20
    step, state = read_state(tmp_path, largest.experiment._replace(selection=None))  # control
    assert step == int(state["step"]) == 60


@pytest.mark.parametrize("stops", [(10, 20, 30), (25, 41), (59,)])
def test_stopping_does_not_change_the_choice(largest, tmp_path, stops):
    whole = run(tmp_path / "whole", largest)
    for until in stops:
        with pytest.raises(StoppedRun):
            run(tmp_path / "cut", largest, until=until)
    result = run(tmp_path / "cut", largest)
    assert same_outcome(result, whole)
    assert {20, 60} <= set(checkpoint.stored_steps(tmp_path / "cut" / "checkpoints"))


@pytest.mark.parametrize("stopped_at", [40, 60])
def test_a_best_checkpoint_that_is_damaged_is_made_again(largest, tmp_path, stopped_at):
    whole = run(tmp_path / "whole", largest)
    directory = tmp_path / "cut"
    if stopped_at < 60:
        with pytest.raises(StoppedRun):
            run(directory, largest, until=stopped_at)
    else:
        run(directory, largest)
    (directory / "checkpoints" / "20" / "manifest.json").write_text("{}")
    observer = Notes()
    result = run(directory, largest, observer=observer)
    assert "checkpoint 20, the best so far, is damaged or missing" in observer
    assert same_outcome(result, whole)
    assert checkpoint.stored_steps(directory / "checkpoints") == [20, 60]
    if stopped_at == 60:
        assert records(directory) == records(tmp_path / "whole")


def test_a_forged_choice_is_caught(largest, tmp_path):
    run(tmp_path, largest)

    def change(kind, content):
        if kind == "result":
            figures = {"reported_step": 40, "test/step": 40.0, "measured/step": 40.0}
            content["metrics"] |= figures

    forge(tmp_path, change)
    findings = check(largest, tmp_path).findings
    assert any("step 40 is reported, 20 is the best" in finding for finding in findings)


@pytest.mark.parametrize("figure", [None, math.nan, math.inf, -math.inf, "nan", "inf"])
@pytest.mark.parametrize("larger", [True, False])
def test_what_is_not_a_number_is_never_the_best(figure, larger):
    selection = Selection("v", larger)
    before = (Best(5, 0.0),)
    assert better((), 10, {"v": figure}, selection) == (None,)
    assert better(before, 10, {"v": figure}, selection) == before
    assert better(before, 10, {}, selection) == before


def test_ties_go_to_the_first_and_no_selection_chooses_nothing():
    before = (Best(5, 1.0),)
    assert better(before, 10, {"v": 1.0}, Selection("v")) == before
    assert better(before, 10, {"v": 2.0}, Selection("v")) == (Best(10, 2.0),)
    assert better(before, 10, {"v": 2.0}, Selection("v", larger_is_better=False)) == before
    assert better((), 10, {"v": 2.0}, None) == ()


def test_each_member_has_a_best_of_its_own():
    bests = better((), 10, {"v": [1.0, 5.0, None]}, Selection("v"))
    bests = better(bests, 20, {"v": [2.0, 4.0, None]}, Selection("v"))
    assert bests == (Best(20, 2.0), Best(10, 5.0), None)
    assert steps_of(bests) == {10, 20}
    assert reported_steps(bests, 30) == [20, 10, 30]
    assert reported_steps((), 30) == [30]


def test_a_metric_that_never_comes_leaves_the_last(tmp_path):
    experiment = make_scripted()._replace(selection=Selection("validation/nothing"))
    program = Program(experiment, ToyFeed())
    result = run(tmp_path, program)
    assert result["metrics"]["test/step"] == 60
    identity = Identity("test/toy", {"size": 8}, 0)
    assert verify(program, identity, tmp_path, SURROUNDINGS, Notes()).findings == ()
    assert len(ledger.read(tmp_path / "ledger.jsonl").saves()) == 7


def test_a_run_keeps_its_best_by_what_it_watches_and_reports_the_last(tmp_path):
    """`score` is the figure that matters of those that are watched, and larger ones are better."""
    experiment = make_scripted()._replace(selection=None)
    often = {"cadence": Cadence(10, 10, 10), "retention": Retention(1)}
    result = run_toy(tmp_path, Program(experiment, ToyFeed()), **often)
    assert "reported_step" not in result["metrics"]
    assert checkpoint.stored_steps(tmp_path / "checkpoints") == [20, 60]
    steps = {
        which: read_state(tmp_path, experiment, which=which)[0]
        for which in ("", "best", "last", "20")
    }
    assert steps == {"": 60, "best": 20, "last": 60, "20": 20}
    with pytest.raises(
        Mistake, match="step 30 of .* is not stored; stored are those of steps 20, 60"
    ):
        read_state(tmp_path, experiment, which="30")
    # That it is lost is no reason to go back: it is not what the run reports.
    (tmp_path / "checkpoints" / "20" / "manifest.json").write_text("{}")
    assert same_outcome(run_toy(tmp_path, Program(experiment, ToyFeed()), **often), result)
    with pytest.raises(Damaged, match="20 is damaged"):
        read_state(tmp_path, experiment, which="best")


def test_the_best_is_kept_over_stops_and_none_where_nothing_is_watched(tmp_path):
    experiment = make_scripted()._replace(selection=None)
    for until in (10, 20, 35, 45):
        with pytest.raises(StoppedRun):
            run(tmp_path / "cut", Program(experiment, ToyFeed()), until=until)
        if until > 10:
            assert read_state(tmp_path / "cut", experiment, which="best")[0] == 20
    blind = experiment._replace(watched=())
    run(tmp_path / "blind", Program(blind, ToyFeed()))
    assert checkpoint.stored_steps(tmp_path / "blind" / "checkpoints") == [60]
    with pytest.raises(Mistake, match="no figure was watched"):
        read_state(tmp_path / "blind", blind, which="best")


def test_with_a_selection_the_best_is_what_is_reported_and_the_last_can_be_had(largest, tmp_path):
    run(tmp_path, largest)
    steps = [read_state(tmp_path, largest.experiment, which=w)[0] for w in ("", "best", "last")]
    assert steps == [20, 20, 60]
