"""`--initialize-from`: the same command is the same run, whatever became of the other one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from research.cli.main import main
from research.engine import ledger
from research.engine.identity import read_identity
from research.errors import Exit
from tests.cli.test_run_commands import ROOT, TINY, call

pytestmark = pytest.mark.usefixtures("plain_commands")

SOURCE = ("run", "tiny", "--steps", "400")
COMMAND = ("run", "tiny", "--seed", "1", "--initialize-from")


@pytest.fixture
def source(project, capsys):
    """A run of 400 steps that stands at 20, and was best at its first evaluation."""
    project.add("alpha/tiny", TINY.replace('{"norm": mean(', '{"score": mean('))
    (project.root / "research").symlink_to(ROOT / "research")
    code, told, _ = call(capsys, *SOURCE, "--until", "20")
    assert code == Exit.STOPPED
    return told["run_dir"]


def launch(capsys, source, *more):
    code, told, err = call(capsys, *COMMAND, source, *more)
    return code, told, err


@pytest.mark.slow
def test_the_other_run_goes_on_between_two_launches(source, capsys):
    code, first, err = launch(capsys, source, "--until", "15")
    assert code == Exit.STOPPED and "first launch" not in err
    initial = read_identity(Path(first["run_dir"])).initial
    assert call(capsys, *SOURCE, "--until", "60")[0] == Exit.STOPPED
    code, second, err = launch(capsys, source)
    assert code == 0 and second["run_dir"] == first["run_dir"]
    assert "starts from step 20 of" in err and "now has step 60: --restart" in err.replace(
        "\n", " "
    )
    header = ledger.read(Path(second["run_dir"]) / "ledger.jsonl").header
    assert header["origin"] == {
        "run": "/".join(Path(source).parts[-3:]),
        "checkpoint": "last",
        "step": 20,
    }
    assert call(capsys, "verify", second["run_dir"])[1]["verified"]

    # Control: what is asked for now would be another run, and with --restart is.
    code, anew, err = launch(capsys, source, "--restart")
    assert code == 0 and anew["run_dir"] != first["run_dir"] and anew["digest"] != second["digest"]
    assert read_identity(Path(anew["run_dir"])).initial != initial
    assert "is kept as" in err and not Path(first["run_dir"]).exists()
    code, again, err = launch(capsys, source)
    assert code == 0 and again["run_dir"] == anew["run_dir"] and "first launch" not in err


def test_it_goes_on_when_the_other_run_has_lost_its_checkpoints(source, capsys):
    _, first, _ = launch(capsys, source, "--until", "15")
    shutil.rmtree(Path(source) / "checkpoints")
    code, second, _ = launch(capsys, source)
    assert code == 0 and second["run_dir"] == first["run_dir"]
    code, told, _ = launch(capsys, source, "--decay", "0.5")  # control: a new run has nothing
    assert code == Exit.MISTAKE and "has no whole checkpoint" in told["error"]


def test_which_checkpoint_is_chosen(source, capsys):
    steps = {}
    for which in ("best", "last", "20", "0"):
        code, told, _ = launch(capsys, source, "--initialize-checkpoint", which, "--until", "1")
        assert code == Exit.STOPPED
        header = ledger.read(Path(told["run_dir"]) / "ledger.jsonl").header
        steps[which] = header["origin"]["step"], told["run_dir"]
    assert [step for step, _ in steps.values()] == [10, 20, 20, 0]
    # The same parameters under another name are the same run; others are not.
    assert steps["last"][1] == steps["20"][1] and len({run for _, run in steps.values()}) == 3
    assert launch(capsys, source, "--until", "1")[1]["run_dir"] == steps["last"][1]


def test_other_configs_and_seeds_are_runs_of_their_own(source, capsys):
    runs = set()
    for more in ((), ("--decay", "0.5"), ("--seeds", "2"), ("--size", "4", "--decay", "0.7")):
        code, told, _ = launch(capsys, source, "--until", "1", *more)
        assert code == Exit.STOPPED
        runs.add(told["run_dir"])
    assert len(runs) == 4


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--initialize-checkpoint", "7"), "step 7 of"),
        (("--initialize-checkpoint", "first"), "must be best, last, or a step, not first"),
    ],
)
def test_what_is_not_there_is_told(source, capsys, more, says):
    code, told, _ = launch(capsys, source, *more)
    assert code == Exit.MISTAKE and says in told["error"]
    assert main(["run", "tiny", "--initialize-checkpoint", "best"]) == Exit.MISTAKE
    assert "--initialize-checkpoint needs --initialize-from RUN" in capsys.readouterr().err
