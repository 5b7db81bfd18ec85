"""`launch.py` from a command line to an exit code."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from research.cli import main as main_module
from research.cli.commands import list as list_command
from research.cli.main import COMMANDS, load_command, main
from research.errors import Damaged, Difference, Exit, Stopped
from research.options.catalog import catalog
from research.options.command import Command, Outcome
from research.options.options import options_of

ROOT = Path(__file__).resolve().parents[2]


def test_list_prints_one_line_each(project, capsys):
    project.add("beta/other", '"""Other."""')
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("alpha/probe")
    assert "test accuracy 1.0" in lines[0] and "1 s" in lines[0]


def test_list_finds_by_text(project, capsys):
    project.add("beta/other", '"""Other."""')
    assert main(["list", "ZEBRA"]) == 0
    assert capsys.readouterr().out.split()[0] == "alpha/probe"
    assert main(["list", "othr"]) == Exit.MISTAKE
    assert "did you mean other?" in capsys.readouterr().err


def test_list_of_a_field_has_no_other_that_mentions_it(project, capsys):
    project.add("beta/other", '"""Other than alpha."""')
    assert main(["list", "alpha"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["alpha/probe"]
    assert main(["list", "alph"]) == 0  # The control: what is no field is looked for everywhere.
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_broken_file_is_told_and_does_not_break_list(project, capsys):
    project.add("beta/broken", "def broken(:\n")
    assert main(["list", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert [entry["name"] for entry in report["experiments"]] == ["alpha/probe"]
    assert "line 1" in report["broken"]["beta/broken"]
    assert "experiments/beta/broken.py" in err


def test_list_imports_no_experiment_and_nothing_that_takes_long():
    code = (
        "import runpy, sys; sys.argv = ['launch.py', 'list'];"
        "heavy = {'jax', 'numpy', 'flax', 'orbax', 'scipy', 'optuna', 'tensorflow_datasets'};\n"
        "try:\n    runpy.run_path('launch.py', run_name='__main__')\n"
        "finally:\n    found = {name for name in sys.modules if name.startswith('experiments.')};"
        "print('imported:', *found | heavy & set(sys.modules), file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert len(run.stdout.splitlines()) == len(catalog()) and run.stderr == "imported:\n"


def test_overview_and_help_need_no_jax():
    code = (
        "import sys; from research.cli.main import main;"
        "main([]); main(['run', '--help']); main(['help', 'verify']);"
        "sys.exit('imported jax' if 'jax' in sys.modules else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30, capture_output=True
    )
    assert all(f"  {name} ".encode() in run.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_every_command(name, project, capsys):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    command = load_command(name)
    assert command.name == name
    for option in options_of(command.options):
        assert f"--{option.name}" in text or f"--[no-]{option.name}" in text
        assert option.help
    assert "Exit codes" in text
    for example, _ in command.examples:
        assert f"python launch.py {example}" in text
    assert all(len(line) <= 100 or line.startswith("  python") for line in text.splitlines())


def test_help_of_an_experiment_shows_its_options(project, capsys):
    assert main(["run", "probe", "--help"]) == 0
    text = capsys.readouterr().out
    assert "Options of alpha/probe" in text
    assert "--learning-rate FLOAT" in text and "step size [above 0; default: 0.001]" in text
    assert "--[no-]nesterov" in text
    assert "--optimizer adam|sgd" in text


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (["lst"], "there is no command lst; did you mean list?"),
        (["--seed", "1"], "the command comes first"),
        (["run"], "NAME is missing"),
        (["run", "--seed", "1"], "NAME is missing"),
        (["run", "prob"], "did you mean alpha/probe?"),
        (["run", "probe", "extra"], "extra: unexpected word"),
        (["run", "probe", "--widths", "3", "4"], "lists are written with commas"),
        (
            ["run", "probe", "--sed", "1"],
            "did you mean --seed or --seeds?",
        ),
        (["explain", "probe", "--batch-size", "2,3"], "one config at a time"),
        (["run", "probe", "--seeds", "0"], "--seeds must be at least 1"),
        (["run", "probe", "--seed", "4294967295", "--seeds", "2"], "is past 4294967295"),
        (["run", "probe", "--exact", "--width", "4"], "--exact is --width 1"),
        (["run", "probe", "--learning-rate", "0.1,0.1"], "a value stands there twice"),
        (
            ["run", "probe", "--seed", "4294967296"],
            "a whole number of at most 4,294,967,295",
        ),
        (["run", "probe", "--save-every", "0"], "--save-every must be at least 1"),
        (["run", "probe", "--nan", "ignore"], "one of stop, keep is wanted"),
        (["run", "probe", "--learning-rate", "nan"], "a finite number is wanted"),
        (["run", "probe", "--title", "raise"], "--title must not be raise"),
        (["run", "--smoke", "prob"], "did you mean alpha/probe?"),
        (["verify"], "RUN is missing"),
        (["diff", "a"], "OTHER is missing"),
        (["verify", "x", "--interval", "5:2"], "two steps A:B"),
        (["show", "x"], "there is no run x"),
        (["list", "--jsn"], "did you mean --json?"),
    ],
)
def test_a_mistake_is_one_message_and_creates_nothing(tokens, says, project, tmp_path, capsys):
    before = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    assert main(tokens) == Exit.MISTAKE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert says in err
    assert "Traceback" not in err
    after = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    assert after == before


def test_all_mistakes_of_a_command_line_at_once(project, capsys):
    tokens = "run probe --lerning-rate 1 --batch-size 0 --learning-rate=-1 --seed -1 --until x"
    assert main(tokens.split()) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert "5 mistakes" in err
    for says in (
        "--lerning-rate",
        "--batch-size must",
        "--learning-rate must",
        "--seed",
        "--until",
    ):
        assert says in err


def test_with_an_unknown_name_the_other_mistakes_are_told_too(project, capsys):
    assert main(["run", "prob", "--seed", "x", "--some-option", "3"]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert "2 mistakes" in err and "--seed x" in err and "some-option" not in err


def test_the_name_is_found_wherever_it_stands(project, capsys):
    for tokens in (
        ["run", "--smoke", "probe", "--batch-size", "0"],
        ["run", "--seed", "3", "probe", "--batch-size", "0"],
        ["run", "--batch-size", "0", "probe"],
        ["run", "--no-nesterov", "probe", "--batch-size=0"],
    ):
        assert main(tokens) == Exit.MISTAKE
        assert capsys.readouterr().err.startswith("error: run alpha/probe: --batch-size must be")


def failing(error):
    def execute(tokens, context):
        raise error

    return list_command.COMMAND._replace(execute=execute)


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Difference("they differ"), 3, "error: they differ"),
        (Damaged("it is damaged"), 4, "error: it is damaged"),
        (Stopped("at step 3"), 75, "stopped: at step 3"),
        (KeyboardInterrupt(), 75, "the same command continues"),
        (OSError(errno.ENOSPC, "No space left", "/full"), 75, "no room to write (/full)"),
        (OSError(errno.EFBIG, "File too large"), 75, "no room to write"),
        (PermissionError(errno.EACCES, "Permission denied", "/shut"), 2, "not allowed (/shut)"),
        (OSError(errno.EROFS, "Read-only file system", "/shut"), 2, "not allowed (/shut)"),
        (OSError(errno.EIO, "I/O error", "/odd"), 75, "the disk or the network share fails (/odd)"),
        (OSError(errno.ESTALE, "Stale file handle"), 75, "the same command continues"),
        (OSError(errno.EMFILE, "Too many", "/x"), 2, "raise the limit"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x"), 2, "a name is too long (/x)"),
        (OSError(errno.EINVAL, "Invalid argument", "/x"), 2, "/x cannot be used: Invalid"),
        (OSError(errno.EPIPE, "Broken pipe"), 75, "the system refused: Broken pipe"),
        (OSError("odd"), 75, "the system refused: odd"),
        (MemoryError(), 1, "out of memory: make smaller"),
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes."), 1, "--batch-size"),
        (RuntimeError("can't start new thread"), 75, "no further thread"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_foreseen_endings_are_one_message(monkeypatch, capsys, error, code, says, as_json):
    monkeypatch.setattr(main_module, "load_command", lambda name: failing(error))
    assert main(["list", *(["--json"] if as_json else [])]) == code
    out, err = capsys.readouterr()
    assert says in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
    if as_json:
        report = json.loads(out)
        assert report["exit_code"] == code
        assert report["error"] in err
    else:
        assert out == ""


def test_a_stopped_run_still_prints_its_figures_as_json(monkeypatch, capsys):
    stopped = Stopped("at step 3")
    stopped.result = {"step": 3, "metrics": {"train/loss": 0.5}}
    monkeypatch.setattr(main_module, "load_command", lambda name: failing(stopped))
    assert main(["list", "--json"]) == 75
    report = json.loads(capsys.readouterr().out)
    assert report == {**stopped.result, "error": "at step 3", "exit_code": 75}


@pytest.mark.parametrize("error", [RuntimeError("odd"), ValueError("odd")])
def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch, capsys, error):
    monkeypatch.setattr(main_module, "load_command", lambda name: failing(error))
    assert main(["list", "--json"]) == 1
    out, err = capsys.readouterr()
    assert "Traceback" in err and "report" in err
    assert json.loads(out)["exit_code"] == 1


def test_json_is_the_last_line_and_strict(monkeypatch, capsys):
    def execute(tokens, context):
        print("for people", file=context.human)
        return Outcome({"value": float("nan"), "parts": (1, float("inf"))}, Exit.DIFFERENCE)

    command: Command = list_command.COMMAND._replace(execute=execute)
    monkeypatch.setattr(main_module, "load_command", lambda name: command)
    assert main(["list", "--json"]) == Exit.DIFFERENCE
    out, err = capsys.readouterr()
    assert out == '{"value": "nan", "parts": [1, "inf"]}\n'
    assert err == "for people\n"
    assert main(["list"]) == Exit.DIFFERENCE
    assert capsys.readouterr() == ("for people\n", "")


def test_a_reader_that_leaves_early_is_no_error():
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "launch.py", "list"],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=30,
    )
    os.close(write)
    assert run.returncode == 0
    assert run.stderr == b""
