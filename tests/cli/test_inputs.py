"""A run that is given the state of another: settled once, kept, verified, and refused in words."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import textwrap
from pathlib import Path

import numpy as np
import pytest

from research.cli import main as main_module
from research.cli.main import main
from research.engine import ledger
from research.engine.identity import read_identity
from research.errors import Exit
from tests.cli import processes
from tests.cli.conftest import Project
from tests.cli.dots import CLASSES, MAKER
from tests.cli.processes import command, surroundings, wait_until
from tests.cli.test_run_commands import ROOT, TINY, call
from tests.sweep.conftest import LAUNCH

RUN = ("run", "maker", "--no-report")
SWEEP = ("sweep", "maker", "--grid", "rate=0.1,0.2", "--metric", "test/loss")
CLASSIFIER = "python launch.py run alpha/classes --seed 0"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a whole run of each of the two."""
    place = tmp_path_factory.mktemp("inputs")
    project = Project(place / "project")
    for name, text in {"alpha/classes": CLASSES, "alpha/maker": MAKER, "alpha/tiny": TINY}.items():
        project.add(name, text)
    (project.root / "research").symlink_to(ROOT / "research")
    # The runs of a sweep are processes of their own.
    (project.root / "launch.py").write_text(textwrap.dedent(LAUNCH).lstrip())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main_module, "ROOT", project.root)
        patch.chdir(place)
        patch.syspath_prepend(str(project.root))
        assert main(["run", "classes", "--no-report"]) == 0
        assert main([*RUN]) == 0
        yield project


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    """A copy of the runs, in the current directory."""
    shutil.copytree(made.root.parent / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def the(here: Path, name: str) -> Path:
    (run,) = (here / "alpha" / name).iterdir()
    return run


def test_without_the_other_run_nothing_is_made(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, told, _ = call(capsys, *RUN)
    assert code == Exit.MISTAKE and told["error"].endswith(f"make it first\n  {CLASSIFIER}")
    assert not (tmp_path / "runs").exists()
    code, told, _ = call(capsys, *RUN, "--smoke")
    assert told["error"].endswith("make it first\n  python launch.py run alpha/classes --smoke")


def test_what_it_was_given_is_part_of_what_it_is(here, capsys):
    given, run = the(here, "classes"), the(here, "maker")
    identity, header = read_identity(run), ledger.read(run / "ledger.jsonl").header
    theirs = ledger.read(given / "ledger.jsonl").result()
    name = given.relative_to(here)
    assert identity.config["features"] == f"run:{name}@30#{theirs['digest'][:16]}"
    assert header["inputs"]["features"]["digest"] == theirs["digest"]
    assert "pretrained" not in identity.config

    # It is the same under another name of the same run, and another with another run.
    code, told, _ = call(capsys, *RUN, "--features", str(given))
    assert code == 0 and Path(told["run_dir"]).samefile(run)
    assert call(capsys, "run", "classes", "--seed", "1")[0] == 0
    code, other, _ = call(capsys, *RUN, "--features", "alpha/classes --seed 1")
    assert code == 0 and other["digest"] != told["digest"]
    assert not Path(other["run_dir"]).samefile(run)

    # Every command that tells of a run tells of it.
    assert call(capsys, "explain", "maker")[1]["parameter_count"] == 6
    content = identity.config["features"]
    assert call(capsys, "show", str(run))[1]["config"]["features"] == content
    rows = call(capsys, "runs", "maker")[1]["runs"]
    assert content in {row["config"]["features"] for row in rows}
    assert content in json.dumps(call(capsys, "compare", "maker")[1])
    assert main(["report", str(run)]) == 0
    assert content in (run / "report.html").read_text()


def test_a_killed_run_goes_on_and_is_verified_without_the_other(made, here, capsys):
    whole = the(here, "maker")
    wanted = ledger.read(whole / "ledger.jsonl").result()
    shutil.rmtree(whole)
    # Held open at its end by a signal, so that it is killed in the middle of its steps.
    words = [*RUN, "--save-every", "1", "--report-every", "1"]
    process = subprocess.Popen(
        command(made, *words), env=surroundings(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: list(here.glob("alpha/maker/*/checkpoints/1")), 600)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    shutil.rmtree(the(here, "classes"))
    (run,) = (here / "alpha" / "maker").iterdir()
    code, told, _ = call(capsys, "resume", str(run), "--no-report")
    assert code == 0 and told["digest"] == wanted["digest"]
    assert told["metrics"] == wanted["metrics"]
    code, told, _ = call(capsys, "verify", str(run))
    assert code == 0 and told["verified"]
    # The same command finds it too, though nobody could take the state any more.
    assert call(capsys, *RUN)[0] == 0
    code, told, _ = call(capsys, *RUN, "--seed", "1")
    assert code == Exit.MISTAKE and CLASSIFIER in told["error"]


def test_a_changed_copy_is_a_difference_named_as_such(here, capsys):
    run, given = the(here, "maker"), the(here, "classes")
    copy = run / "inputs" / "features" / "0"
    # A whole checkpoint, but of another step of the same run.
    shutil.rmtree(copy)
    shutil.copytree(given / "checkpoints" / "20", copy)
    code, told, _ = call(capsys, "verify", str(run))
    assert code == Exit.DIFFERENCE and told["findings"][0].startswith("changed input: ")
    assert "does not hold its input" in told["findings"][0] and CLASSIFIER in told["findings"][0]
    code, told, _ = call(capsys, "resume", str(run), "--no-report")
    assert code == Exit.DAMAGED and CLASSIFIER in told["error"]
    # The command that began it takes it anew from the other run.
    shutil.rmtree(run / "checkpoints")
    code, told, err = call(capsys, *RUN)
    assert code == 0 and "taken anew from the other run" in err
    assert call(capsys, "verify", str(run))[0] == 0  # control


def test_without_a_copy_the_other_run_is_asked(here, capsys):
    """As beside a recorded run, which keeps none."""
    run, given = the(here, "maker"), the(here, "classes")
    shutil.rmtree(run / "inputs")
    assert call(capsys, "verify", str(run))[0] == 0
    given.rename(here / "elsewhere")
    code, told, _ = call(capsys, "verify", str(run))
    assert code == Exit.MISTAKE and told["error"].endswith(f"make it first\n  {CLASSIFIER}")
    # What has another state under that name is no replacement.
    assert call(capsys, "run", "classes", "--seed", "1", "--no-report")[0] == 0
    next(given.parent.glob("*-s1")).rename(given)
    code, told, _ = call(capsys, "verify", str(run))
    assert code == Exit.DIFFERENCE and "does not hold its input" in told["findings"][0]


def give_another_state(given):
    """As after a change of code: the same run, with the bits of another seed's."""
    (other,) = given.parent.glob("*-s1")
    header = ledger.read(given / "ledger.jsonl").lines[0].content
    lines = ledger.read(other / "ledger.jsonl").lines
    shutil.rmtree(given)
    other.rename(given)
    (given / "ledger.jsonl").unlink()
    chain = ledger.FIRST
    for line in lines:
        content = header if line.kind == "header" else line.content
        chain = ledger.append(given / "ledger.jsonl", line.kind, content, chain)
    return lines[-1].content["digest"]


def test_the_other_run_has_another_state_later(here, capsys):
    run, given = the(here, "maker"), the(here, "classes")
    assert call(capsys, "run", "classes", "--seed", "1", "--no-report")[0] == 0
    digest = give_another_state(given)
    code, told, err = call(capsys, *RUN)
    assert code == 0 and Path(told["run_dir"]).samefile(run)
    assert "--features: is given step 30" in err and "--restart begins anew" in " ".join(
        err.split()
    )
    # By its digest, that other state is meant.
    named = f"alpha/classes --seed 0 --digest {digest[:16]}"
    code, third, err = call(capsys, *RUN, "--features", named)
    assert code == 0 and third["digest"] != told["digest"] and "first launch" not in err
    assert not Path(third["run_dir"]).samefile(run)
    shutil.rmtree(third["run_dir"])
    code, anew, err = call(capsys, *RUN, "--restart")
    assert code == 0 and anew["digest"] == third["digest"] and not run.exists()


@pytest.mark.slow
def test_every_trial_of_a_sweep_is_given_the_same_state(here, capsys):
    run, given = the(here, "maker"), the(here, "classes")
    code, swept, err = call(capsys, *SWEEP)
    assert code == 0 and swept["completed"] == 2, err
    content = read_identity(run).config["features"]
    assert json.loads(Path(swept["sweep_dir"], "sweep.json").read_text())["fixed"] == {
        "steps": 40, "features": content,
    }  # fmt: skip
    rows = {row["values"]["rate"]: row for row in swept["trials"]}
    # A trial is the run that one would make by hand, the one that is there already among them.
    assert run.relative_to(here).as_posix() == rows[0.1]["runs"][0]["run_dir"]
    code, told, err = call(capsys, *RUN, "--rate", "0.2")
    assert code == 0 and "already finished" in err
    assert told["run_dir"] == f"runs/{rows[0.2]['runs'][0]['run_dir']}"
    assert told["metrics"]["test/loss"] == rows[0.2]["value"] != rows[0.1]["value"]
    code, told, _ = call(capsys, *swept["best"]["command"][2:])
    assert code == 0 and told["metrics"]["test/loss"] == swept["best"]["value"]
    assert call(capsys, *SWEEP)[1]["trials"] == swept["trials"]

    # With another state it is another sweep, whose trials are other runs.
    assert call(capsys, "run", "classes", "--seed", "1", "--no-report")[0] == 0
    give_another_state(given)
    code, other, err = call(capsys, *SWEEP)
    assert code == 0 and other["sweep_dir"] != swept["sweep_dir"], err
    values = [{row["values"]["rate"]: row["value"] for row in one["trials"]}
              for one in (swept, other)]  # fmt: skip
    assert all(values[0][rate] != values[1][rate] for rate in (0.1, 0.2))


def test_what_it_offers_is_given_the_state_too(here, capsys):
    run = the(here, "maker")
    shutil.rmtree(the(here, "classes"))
    code, told, human = call(capsys, "predict", str(run), "--count", "40")
    assert code == 0, human
    recorded = ledger.read(run / "ledger.jsonl").result()["metrics"]["test/loss"]
    mean = np.mean([one["mean"] for one in told["predictions"]])
    assert mean == pytest.approx(recorded, rel=1e-5)
    (last,) = call(capsys, "predict", str(run), "1,0,0,0,0,0")[1]["predictions"]
    assert last["mean"] != told["predictions"][0]["mean"]
    # The control: with another state of the classifier it would predict otherwise.
    assert call(capsys, "run", "classes", "--seed", "1", "--no-report")[0] == 0
    code, other, _ = call(capsys, *RUN, "--features", "alpha/classes --seed 1")
    again = call(capsys, "predict", other["run_dir"], "1,0,0,0,0,0")[1]["predictions"]
    assert code == 0 and again[0]["mean"] != last["mean"]


def damage(run):
    (run / "checkpoints" / "30" / "manifest.json").write_text("{}")


def cut(run):
    path = run / "ledger.jsonl"
    path.write_text(path.read_text().replace('"train/loss"', '"train/lost"', 1))


@pytest.mark.parametrize(
    ("before", "words", "code", "says"),
    [
        (("run", "tiny"), "tiny", Exit.MISTAKE, "a run of alpha/tiny; a run of alpha/classes is"),
        (
            ("run", "classes", "--seeds", "2"),
            "alpha/classes --seeds 2",
            Exit.MISTAKE,
            "is a population of 2; say whose state by --member behind it",
        ),
        (
            ("run", "classes", "--seeds", "2"),
            "alpha/classes --seeds 2 --member 2",
            Exit.MISTAKE,
            "--member must lie in 0 to 1, not 2",
        ),
        ((), "classes --member 0", Exit.MISTAKE, "--member: this is a run of one seed"),
        (
            ("run", "classes", "--seed", "1", "--until", "20"),
            "alpha/classes --seed 1",
            Exit.MISTAKE,
            "has not finished; `python launch.py resume",
        ),
        ((), "classes --digest 00", Exit.MISTAKE, ", and 00 is wanted"),
        ((), "classes --checkpoint first", Exit.MISTAKE, "must be best, last, or a step"),
        ((), "alpha/classes --stepz 3", Exit.MISTAKE, "there is no such option"),
        ((), "nothing-like-it", Exit.MISTAKE, "python launch.py run alpha/classes   makes one"),
        (
            ("run", "classes", "--of", "stripes"),
            "alpha/classes --of stripes",
            Exit.MISTAKE,
            "learned from stripes/1.0.0, and this experiment has dots/1.0.0",
        ),
        (cut, "classes", Exit.DAMAGED, "is damaged"),
        (damage, "alpha/classes --checkpoint 30", Exit.DAMAGED, "makes it again"),
        (damage, "alpha/classes", Exit.DAMAGED, "reports step 30, and its checkpoint is damaged"),
    ],
)
def test_what_cannot_be_given_is_refused_before_anything_is_made(
    here, capsys, monkeypatch, before, words, code, says
):
    if callable(before):
        before(the(here, "classes"))
    elif before:
        assert call(capsys, *before, "--no-report")[0] in (0, Exit.STOPPED)
    monkeypatch.setattr("research.engine.program.Program._call", None)  # nothing is compiled
    runs = sorted((here / "alpha" / "maker").iterdir())
    found, told, _ = call(capsys, *RUN, "--seed", "5", "--features", words)
    assert found == code and says in told["error"] and "--features" in told["error"]
    assert sorted((here / "alpha" / "maker").iterdir()) == runs


@pytest.mark.slow
def test_members_have_the_bits_of_their_own_runs(made, here, capsys):
    """Of a population that is given a state, and of one whose member's state is given."""
    digest = ledger.read(the(here, "maker") / "ledger.jsonl").result()["digest"]
    code, told, _ = call(capsys, *RUN, "--seeds", "2", "--exact")
    assert code == 0 and told["members"][0]["digest"] == digest
    assert call(capsys, "verify", told["run_dir"], "--member", "1")[0] == 0
    # In a process of its own, whose devices are settled before a state is read.
    done = processes.call("verify", told["run_dir"], "--devices", "2", project=made)
    assert done.returncode == 0, done.stderr
    assert call(capsys, "run", "classes", "--seeds", "2", "--exact", "--no-report")[0] == 0
    words = "alpha/classes --seeds 2 --exact --member 0"
    code, told, _ = call(capsys, *RUN, "--features", words)
    assert code == 0 and told["digest"] == digest
    assert "+2-w1[0]@30#" in read_identity(Path(told["run_dir"])).config["features"]
    code, told, _ = call(capsys, *RUN, "--seeds", "2", "--width", "2")
    assert code == 0 and told["members"][0]["digest"] != told["members"][1]["digest"]


def test_what_needs_no_state_needs_no_run(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "prepare", "maker")[1]["prepared"] == ["dots/1.0.0 train"] * 2
    code, told, _ = call(capsys, *SWEEP)
    assert code == Exit.MISTAKE and f"make it first\n  {CLASSIFIER}" in told["error"]
    code, told, _ = call(capsys, *SWEEP, "features=a,b")
    assert "features: it names the run whose state every trial is given" in told["error"]
    assert not Path("runs").exists()


def test_a_run_that_was_given_a_state_is_given_to_another(here, capsys):
    code, told, _ = call(capsys, *RUN, "--pretrained", "alpha/maker --rate 0.1", "--rate", "0.01")
    assert code == 0
    run = Path(told["run_dir"])
    first = ledger.read(run / "ledger.jsonl").header["inputs"]["pretrained"]
    assert first["inputs"]["features"]["run"] == the(here, "classes").relative_to(here).as_posix()
    from_scratch = call(capsys, *RUN, "--rate", "0.01")[1]
    assert from_scratch["digest"] != told["digest"]
    for other in (the(here, "classes"), here / first["run"]):
        shutil.rmtree(other)
    assert call(capsys, "verify", str(run))[0] == 0
    assert call(capsys, "resume", str(run), "--no-report")[0] == 0
