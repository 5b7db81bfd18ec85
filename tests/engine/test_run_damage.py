"""Damaged runs: each damage is told, fallen back from, and ends in the same bits and records."""

from __future__ import annotations

import json
import shutil

import pytest

from research.engine import checkpoint, ledger
from research.engine import run as run_module
from research.engine.digests import record_leaves
from research.engine.identity import read_identity
from research.engine.loop import Cadence
from research.engine.run import StoppedRun
from research.engine.verify import verify
from research.errors import Damaged
from tests.engine.test_run import NoTraining
from tests.engine.toy import SURROUNDINGS, run_toy
from tests.engine.watch import Notes, records, same_outcome, saved_steps


@pytest.fixture
def half(program, tmp_path, finished):
    """A run that stands at step 40 of 60."""
    directory = tmp_path / "half"
    with pytest.raises(StoppedRun):
        run_toy(directory, program, until=40)
    return directory


def largest_file(path):
    return max((f for f in path.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def damage(run, step, how=flip):
    how(largest_file(run / "checkpoints" / str(step)))


def goes_on(run, program, finished, *, cadence=Cadence(10, 20, 20)):
    observer = Notes()
    result = run_toy(run, program, observer=observer, cadence=cadence)
    assert result["digest"] == finished[1]["digest"]
    # Another cadence has another last interval, and so another last mean.
    assert cadence != Cadence(10, 20, 20) or same_outcome(result, finished[1])
    opened = ledger.read(run / "ledger.jsonl")
    assert not opened.broken
    assert len(saved_steps(run)) == len(set(saved_steps(run)))
    assert len(list(opened.of_kind("result"))) == 1
    return observer


@pytest.mark.parametrize(
    "how", [flip, lambda p: p.write_bytes(p.read_bytes()[:9]), lambda p: p.unlink()]
)
def test_a_damaged_newest_checkpoint_is_named_kept_and_fallen_back_from(
    program, finished, half, how
):
    damage(half, 40, how)
    name = largest_file(finished[0] / "checkpoints" / "40").name
    observer = goes_on(half, program, finished)
    assert name in observer and "falling back to the one before" in observer
    assert (half / "checkpoints" / "40.aside-0").is_dir()
    assert records(half) == records(finished[0])


def test_of_a_finished_run_too(program, finished, copied):
    damage(copied, 60)
    damage(copied, 40)
    observer = goes_on(copied, program, finished)
    assert "60" in observer and "40" in observer
    assert records(copied) == records(finished[0])
    assert checkpoint.stored_steps(copied / "checkpoints") == [20, 40, 60]


def test_where_all_are_damaged_it_starts_from_the_beginning(program, finished, copied):
    for step in (20, 40, 60):
        damage(copied, step)
    observer = goes_on(copied, program, finished)
    assert "starting from step 0, same bits" in observer
    assert records(copied) == records(finished[0])
    assert "already finished" in goes_on(copied, NoTraining(program), finished)


def test_what_is_made_again_is_made_on_the_old_schedule_and_not_recorded_twice(
    program, finished, tmp_path
):
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=35)
    damage(tmp_path, 35)
    damage(tmp_path, 20)
    other = Cadence(7, 21, 20)
    goes_on(tmp_path, program, finished, cadence=other)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines]
    assert steps == [10, 20, 30, 42, 49, 56, 60]
    assert records(tmp_path)[1].splitlines()[:3] == records(finished[0])[1].splitlines()[:3]
    verdict = verify(program, read_identity(tmp_path), tmp_path, SURROUNDINGS, Notes())
    assert verdict.findings == () and verdict.equal == verdict.compared == 5
    # And what was made again can be gone on from, once more.
    damage(tmp_path, 60)
    observer = goes_on(tmp_path, program, finished, cadence=other)
    assert "is not the one that the ledger recorded" not in observer


def test_a_checkpoint_of_another_step_is_not_the_one_recorded(program, finished, half):
    shutil.rmtree(half / "checkpoints" / "40")
    shutil.copytree(half / "checkpoints" / "20", half / "checkpoints" / "40")
    observer = goes_on(half, program, finished)
    assert "is not the one that the ledger recorded" in observer
    assert records(half) == records(finished[0])


def test_a_checkpoint_without_its_ledger_line_was_never_published(program, finished, half):
    shutil.copytree(finished[0] / "checkpoints" / "60", half / "checkpoints" / "60")
    observer = goes_on(half, program, finished)
    assert observer.steps[0] > 40 and observer.steps[0] <= 60 and observer.saves == [60]
    assert records(half) == records(finished[0])


def changed_in_the_middle(run):
    """A run of five saves whose third line of them was changed."""
    path = run / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"step":30', b'"step":31', 1))


def die(*arguments):
    raise OSError("died")


OTHERWISE = SURROUNDINGS._replace(fingerprint={"jax": "2", "pool_size": "8"})


@pytest.mark.parametrize("surroundings", [SURROUNDINGS, OTHERWISE])
@pytest.mark.parametrize("dies", [False, True])
def test_whole_checkpoints_beyond_a_break_are_never_lost(
    program, finished, tmp_path, monkeypatch, surroundings, dies
):
    """Nor where the environment changed, or the process died after the ledger was cut back."""
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=50, cadence=Cadence(10, 20, 10))
    changed_in_the_middle(tmp_path)
    places = tmp_path / "checkpoints"
    before = {step: checkpoint.read(places, step).records for step in (30, 40, 50)}
    if dies:
        with monkeypatch.context() as patch:
            patch.setattr(run_module, "newest_good", die)
            with pytest.raises(OSError, match="died"):
                run_toy(tmp_path, program, surroundings=surroundings)
    observer = Notes()
    with pytest.raises(StoppedRun):
        run_toy(tmp_path, program, until=20, surroundings=surroundings, observer=observer)
    for step, kept in before.items():
        assert f"checkpoint {step} has no line in the ledger" in observer
        aside = places / f"{step}.aside-0"
        aside.rename(places / "99")
        assert checkpoint.read(places, 99).records == kept
        (places / "99").rename(aside)
    # What is made again, the same to the bit, need not be kept twice; the rest stays.
    run_toy(tmp_path, program, surroundings=surroundings, cadence=Cadence(10, 20, 20))
    left = {path.name for path in places.glob("*.aside-*")}
    assert left == {"30.aside-0", "50.aside-0"}


def test_a_checkpoint_set_aside_that_differs_from_what_is_made_again_stays(program, half):
    changed = ledger.read(half / "ledger.jsonl").lines[-1]
    path = half / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(changed.digest.encode(), b"0" * 64))
    leaves = checkpoint.read(half / "checkpoints", 40).leaves
    leaves["state/params/b"] = leaves["state/params/b"] + 1
    facts = checkpoint.read(half / "checkpoints", 40).facts
    shutil.rmtree(half / "checkpoints" / "40")
    checkpoint.write(half / "checkpoints", 40, leaves, record_leaves(leaves), facts)
    run_toy(half, program)
    assert (half / "checkpoints" / "40.aside-0").is_dir()


def test_lines_cut_off_the_end_are_told_of_when_the_run_goes_on(program, finished, copied):
    path = copied / "ledger.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    observer = goes_on(copied, program, finished)
    assert "lines are missing: result.json has the run's end" in observer
    assert records(copied) == records(finished[0])


def test_half_written_saves_and_files_are_swept_up(program, finished, half):
    (half / "checkpoints" / ".60.1.part").mkdir()
    (half / ".result.json.1.part").write_text("{")
    goes_on(half, program, finished)
    assert not list(half.glob(".*")) and not list((half / "checkpoints").glob(".*"))


def test_a_ledger_broken_in_the_middle_goes_on_from_before_the_break(program, finished, half):
    path = half / "ledger.jsonl"
    broken = path.read_bytes().replace(b'"step":40', b'"step":41')
    path.write_bytes(broken)
    observer = goes_on(half, program, finished)
    assert "the ledger's line 6 is not what was written" in observer
    assert (half / "ledger.jsonl.broken-0").read_bytes() == broken
    assert records(half) == records(finished[0])


def test_a_ledger_cut_short_goes_on_from_its_whole_lines(program, finished, half):
    path = half / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    observer = goes_on(half, program, finished)
    assert "line 6 is cut short" in observer
    assert records(half) == records(finished[0])


def test_a_finished_run_whose_ledger_is_broken_is_made_whole(program, finished, copied):
    path = copied / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    flipped = lines[2].replace(b'"save"', b'"sawe"')
    path.write_bytes(b"".join([*lines[:2], flipped, *lines[3:]]))
    goes_on(copied, program, finished)
    assert records(copied) == records(finished[0])


@pytest.mark.parametrize("how", ["flipped", "cut short", "emptied", "removed"])
def test_without_its_first_line_a_run_with_checkpoints_is_refused_and_untouched(program, half, how):
    path = half / "ledger.jsonl"
    content = path.read_bytes()
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(
            {"flipped": content.replace(b'"seed":0', b'"seed":1'), "cut short": content[:50],
             "emptied": b""}[how]
        )  # fmt: skip
    with pytest.raises(Damaged, match="nothing vouches for the checkpoints; --restart"):
        run_toy(half, program)
    assert checkpoint.stored_steps(half / "checkpoints") == [0, 20, 40]


def test_a_first_line_cut_short_before_any_checkpoint_is_written_again(program, finished, tmp_path):
    tmp_path.joinpath("ledger.jsonl").write_bytes(b'{"code":{"exper')
    goes_on(tmp_path, program, finished)
    assert records(tmp_path) == records(finished[0])


TAMPERINGS = {
    "removed": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "another number": lambda path: path.write_text(path.read_text().replace("0.", "1.")),
    "no object": lambda path: path.write_text("[1, 2]\n"),
}


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl"])
@pytest.mark.parametrize("how", TAMPERINGS)
def test_a_file_beside_the_ledger_is_told_of_and_written_anew(program, finished, half, name, how):
    if name == "config.json" and how == "another number":
        (half / name).write_text((half / name).read_text().replace('"seed": 0', '"seed": 10'))
    else:
        TAMPERINGS[how](half / name)
    observer = goes_on(half, program, finished)
    assert name in observer and "anew from the ledger" in observer
    assert records(half) == records(finished[0])
    assert (half / "config.json").read_bytes() == (finished[0] / "config.json").read_bytes()


@pytest.mark.parametrize("how", [*TAMPERINGS, "another step", "a figure lost"])
def test_a_result_is_told_of_and_written_anew(program, finished, copied, how):
    path = copied / "result.json"
    if how in TAMPERINGS:
        TAMPERINGS[how](path)
    else:
        result = json.loads(path.read_text())
        result["step"] = 61
        if how == "a figure lost":
            del result["seconds"], result["peak_memory_bytes"]
        path.write_text(json.dumps(result))
    observer = Notes()
    again = run_toy(copied, NoTraining(program), observer=observer)
    assert "result.json was missing, damaged or of an older version: written anew" in observer
    assert same_outcome(again, finished[1])
    assert set(again) == set(finished[1])
    assert json.loads(path.read_text()) == again
    assert again["seconds"] > 0
    quiet = Notes()
    run_toy(copied, NoTraining(program), observer=quiet)
    assert "damaged" not in quiet
