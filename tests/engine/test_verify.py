"""`verify` accepts an honest run, and names what is wrong with any other; `diff` finds where."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from research.engine import ledger
from research.engine.diff import diff
from research.engine.digests import describe_leaves, relative_distance
from research.engine.program import Program
from research.engine.run import StoppedRun
from research.engine.verify import Judgement
from research.errors import Damaged, Mistake
from tests.engine.toy import SURROUNDINGS, Cadence, ToyFeed, make_toy, run_toy
from tests.engine.verifying import ELSEWHERE, check, forge, nudging


@pytest.mark.parametrize(
    ("interval", "compared"),
    [
        (None, 4),
        ((0, 60), 4),
        ((0, 20), 2),
        ((20, 40), 1),
        ((20, 60), 2),
        ((40, 60), 1),
    ],
)
def test_an_honest_run_is_equal_throughout(program, finished, interval, compared):
    verdict = check(program, finished[0], interval=interval)
    assert (verdict.equal, verdict.compared) == (compared, compared)
    assert verdict.findings == () and verdict.notes == () and verdict.near == 0
    assert verdict.judgement is Judgement.VERIFIED
    assert program.compilations["advance"] == 1


def test_so_is_one_that_was_stopped_off_the_schedule_or_is_not_finished(program, tmp_path):
    for until in (7, 33):
        with pytest.raises(StoppedRun):
            run_toy(tmp_path, program, until=until, cadence=Cadence(10, 15, 20))
        assert check(program, tmp_path).findings == ()
    run_toy(tmp_path, program, cadence=Cadence(10, 15, 20))
    verdict = check(program, tmp_path)
    assert verdict.findings == () and verdict.equal == 6
    assert check(program, tmp_path, interval=(33, 60)).findings == ()


def test_verify_changes_nothing(program, copied):
    before = {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()}
    check(program, copied)
    assert {p: p.read_bytes() for p in copied.rglob("*") if p.is_file()} == before


def test_an_interval_from_nowhere_is_refused(program, finished):
    with pytest.raises(Mistake, match="at 0 or at a stored checkpoint: 20, 40, 60"):
        check(program, finished[0], interval=(21, 40))


def tampered(field, value):
    def change(path):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        next(line for line in lines if field in line)[field] = value
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return change


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("metrics.jsonl", tampered("train/loss", 0.5), "step 10 in metrics.jsonl is not"),
        ("metrics.jsonl", tampered("validation/loss", 0.5), "step 20 in metrics.jsonl is not"),
        ("metrics.jsonl", tampered("step", 11), "line of step 10 in metrics.jsonl is missing"),
        ("result.json", lambda p: p.unlink(), "changed result: result.json"),
        ("result.json", lambda p: p.write_text("[]"), "changed result"),
        ("config.json", lambda p: p.write_text("{}"), "changed config: config.json"),
        ("config.json", lambda p: p.unlink(), "changed config: config.json"),
        ("checkpoints/40/manifest.json", lambda p: p.write_text("{}"), "damaged checkpoint: .*/40"),
    ],
)
def test_a_changed_file_is_named(program, copied, name, change, told):
    change(copied / name)
    verdict = check(program, copied)
    assert any(re.search(told, finding) for finding in verdict.findings)
    assert verdict.equal == verdict.compared == 4, "the states are still what they were"
    assert verdict.judgement is Judgement.DIFFERS


def test_metrics_that_are_not_there_say_nothing_false(program, copied):
    (copied / "metrics.jsonl").unlink()
    assert check(program, copied).judgement is Judgement.VERIFIED


def test_an_interval_in_which_no_step_was_made_again_is_not_verified(program, finished, tmp_path):
    for interval in ((60, 60), (20, 33)):
        verdict = check(program, finished[0], interval=interval)
        assert verdict.judgement is Judgement.INCOMPARABLE and verdict.compared == 0
        assert any("nothing is proved" in note for note in verdict.notes)
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=0)
    assert check(program, tmp_path).judgement is Judgement.INCOMPARABLE


@pytest.mark.parametrize("field", ["digest", "step", "seed", "complete"])
def test_a_changed_field_of_the_result_is_named(program, copied, field):
    path = copied / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: 7}))
    assert "changed result" in check(program, copied).findings[0]


def test_a_broken_chain_is_named(program, copied):
    path = copied / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"step":40', b'"step":41'))
    (finding,) = check(program, copied).findings
    assert finding.startswith("broken chain: the ledger's line 6 is not what was written")


def set_at(step, name, value):
    def change(kind, content):
        if kind == "save" and content["step"] == step:
            content[name] = value if not callable(value) else value(content[name])

    return change


def figure_at(step, name, value):
    """Another value of one figure in the report of a step; None leaves the figure out."""
    names = []

    def change(kind, content):
        if kind == "figures":
            if name not in content["names"]:
                content["names"].append(name)
            names[:] = content["names"]
        for row in content["figures"] if kind == "save" else ():
            if row[0] == step:
                row.extend([""] * (1 + len(names) - len(row)))
                row[1 + names.index(name)] = "" if value is None else value

    return change


def result_with(name, value):
    def change(kind, content):
        if kind == "result":
            content[name] = value if not callable(value) else value(content[name])

    return change


def other_leaf(digests):
    """The digests of leaves with another one for the last of them."""
    return digests[:-8] + "AAAAAAAA"


def renamed(kind, content):
    if kind == "leaves":
        content["names"][content["names"].index("state/params/b")] = "state/params/c"


FORGERIES = {
    "digest": (
        set_at(40, "digest", "0" * 64),
        "first difference at step 40: the digest of the state",
    ),
    "leaf": (set_at(40, "leaves", other_leaf), "first difference at step 40: state/params/w"),
    "leaf renamed": (renamed, "first difference at step 0: state/params/"),
    "metric": (
        figure_at(40, "train/loss", 0.1),
        "report of step 40: the ledger has train/loss 0.1, the replay ",
    ),
    "evaluation": (
        figure_at(40, "validation/loss", 0.1),
        "report of step 40: the ledger has validation/loss 0.1, the replay ",
    ),
    "metric between saves": (
        figure_at(30, "train/loss", 0.1),
        "report of step 30: the ledger has train/loss 0.1, the replay ",
    ),
    "metric made up": (
        figure_at(40, "train/wins", 1.0),
        "report of step 40: the ledger has train/wins 1.0, the replay no such figure",
    ),
    "metric left out": (
        figure_at(40, "train/loss", None),
        "report of step 40: the ledger has train/loss no such figure, the replay ",
    ),
    "result": (
        result_with("metrics", lambda v: {**v, "test/loss": 0.1}),
        "result: the ledger has test/loss 0.1, the replay ",
    ),
    "result of training": (
        result_with("metrics", lambda v: {**v, "train/loss": 0.1}),
        "result: the ledger has train/loss 0.1, the replay ",
    ),
    "result made up": (
        result_with("metrics", lambda v: {**v, "test/accuracy": 1.0}),
        "result: the ledger has test/accuracy 1.0, the replay no such figure",
    ),
    "result's digest": (result_with("digest", "0" * 64), "does not have the digest of its last"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_ledger_whose_chain_is_whole_is_caught(program, copied, what):
    change, told = FORGERIES[what]
    forge(copied, change)
    # A thorough forger makes the files beside the ledger agree.
    opened = ledger.read(copied / "ledger.jsonl")
    lines = [{"step": step, **figures} for step, figures in opened.reports().items()]
    (copied / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = json.loads((copied / "result.json").read_text())
    word = opened.result()
    result |= {"metrics": word["metrics"], "digest": word["digest"]}
    (copied / "result.json").write_text(json.dumps(result))
    verdict = check(program, copied)
    assert any(told in finding for finding in verdict.findings), verdict.findings
    assert verdict.judgement is Judgement.DIFFERS
    # Nor is it ever verified where bits are others, or nothing is stored to compare with.
    shutil.rmtree(copied / "checkpoints")
    assert check(program, copied).judgement is Judgement.DIFFERS
    assert check(nudging(1e-6), copied, ELSEWHERE).judgement is not Judgement.VERIFIED


def test_a_ledger_that_is_chained_anew_unchanged_is_still_accepted(program, copied):
    forge(copied, lambda kind, content: None)
    assert check(program, copied).findings == ()


def test_another_update_is_seen_at_the_first_save_with_the_leaf_and_its_size(copied):
    experiment = make_toy()

    def update(state, batch, key):
        state, figures = experiment.update(state, batch, key)
        nudged = state.params["b"].at[3].multiply(1 + 1e-6)
        return state._replace(params={**state.params, "b": nudged}), figures

    verdict = check(Program(experiment._replace(update=update), ToyFeed()), copied)
    (finding,) = verdict.findings
    assert finding.startswith("first difference at step 20: state/params/")
    assert "values, at most " in finding and "apart)" in finding
    assert (verdict.equal, verdict.compared) == (1, 2)


def test_other_data_code_and_environment_are_named(program, finished):
    other = SURROUNDINGS._replace(data={"validation": "e" * 64})
    verdict = check(program, finished[0], other)
    assert verdict.findings[0].startswith("other data: validation has digest eeee")
    assert verdict.compared == 0
    other = SURROUNDINGS._replace(code={"experiments/toy.py": "0" * 64, "new.py": "1" * 64})
    verdict = check(program, finished[0], other)
    assert verdict.notes == ("experiments/toy.py changed", "new.py added")
    assert verdict.findings == () and verdict.equal == 4
    other = SURROUNDINGS._replace(fingerprint={"jax": "2", "pool_size": "8"})
    verdict = check(program, finished[0], other)
    assert verdict.notes == ("jax was 1 and is 2 now",) and verdict.findings == ()
    assert verdict.judgement is Judgement.VERIFIED, "all bits are the same, whatever has changed"


def cut_lines(run, count):
    path = run / "ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-count]))


def test_lines_cut_off_the_end_are_noticed_by_what_knows_of_them(program, copied):
    cut_lines(copied, 1)
    verdict = check(program, copied)
    assert verdict.judgement is Judgement.DIFFERS
    assert verdict.findings == (
        "lines are missing: result.json has the run's end, and the ledger has none",
    )
    cut_lines(copied, 2)
    findings = check(program, copied).findings
    assert any("checkpoints lie there of step 40, 60" in finding for finding in findings)
    (copied / "result.json").unlink()
    shutil.rmtree(copied / "checkpoints" / "60")
    verdict = check(program, copied)
    assert verdict.findings == () and "a crash came before its line" in verdict.notes[0]
    shutil.rmtree(copied / "checkpoints" / "40")
    assert check(program, copied).notes == (), "and nothing else can know of them"


def test_diff_finds_where_runs_part(program, finished, copied, tmp_path):
    parting = diff(finished[0], copied)
    assert (parting.common, parting.last_equal, parting.step) == (4, 60, None)
    assert parting.differences == () and parting.leaves == ""

    experiment = make_toy()

    def update(state, batch, key):
        after, figures = experiment.update(state, batch, key)
        late = state.hyperparameters["updates"] >= 30
        return after._replace(half=after.half + late.astype(after.half.dtype)), figures

    run_toy(tmp_path / "late", Program(experiment._replace(update=update), ToyFeed()))
    parting = diff(finished[0], tmp_path / "late")
    assert (parting.last_equal, parting.step) == (20, 40)
    assert parting.leaves == "state/half (3 of 3 values, at most 10 apart)"
    shutil.rmtree(tmp_path / "late" / "checkpoints")
    assert (
        diff(finished[0], tmp_path / "late").leaves == "state/half (apart by about 0.9 of its norm)"
    )
    forge(tmp_path / "late", lambda kind, content: content.pop("sketches", None))
    assert "size unknown" in diff(finished[0], tmp_path / "late").leaves

    run_toy(tmp_path / "seed", program, seed=5)
    parting = diff(finished[0], tmp_path / "seed")
    assert (parting.last_equal, parting.step) == (None, 0)
    assert parting.differences == ("seed: 0 and 5",)

    (copied / "ledger.jsonl").write_text("")
    with pytest.raises(Damaged, match="it is empty"):
        diff(finished[0], copied)


def test_differences_of_odd_leaves_have_words():
    left = {
        "a": np.float32([np.inf, 1]),
        "b": np.zeros(2, np.int8),
        "c": np.bool_([1]),
        "d": np.zeros(()),
    }
    right = {
        "a": np.float32([np.inf, 2]),
        "b": np.zeros(3, np.int8),
        "c": np.bool_([0]),
        "d": np.ones(()),
    }
    assert "1 of 2 values" in describe_leaves(["a"], left, right)
    assert describe_leaves(["b"], left, right) == "b (int8(2,) against int8(3,))"
    assert "1 of 1 values, at most 1 apart" in describe_leaves(["c"], left, right)
    assert "1 of 1 values, at most 1 apart" in describe_leaves(["d"], left, right)
    assert describe_leaves(list("abcd"), left, right).endswith("and 1 more leaves")
    assert relative_distance(left["b"], right["b"]) == float("inf")
    assert relative_distance(np.float32([3, 4]), np.float32([3, 4])) == 0
    assert relative_distance(np.float32([0, 1.1]), np.float32([0, 1])) == pytest.approx(0.1)
