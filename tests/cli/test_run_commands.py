"""The commands that compute, on an experiment so small that compiling it takes no time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research.cli.display import Display
from research.cli.main import main
from research.engine.environment import POOL_SIZE
from research.errors import Exit
from tests.engine.verifying import forge

pytestmark = pytest.mark.usefixtures("plain_commands")

ROOT = Path(__file__).resolve().parents[2]
TINY = '''
    """A tiny run: a vector shrinks.

    Expected: nothing
    Time: 0 s
    """

    from __future__ import annotations

    import time
    from dataclasses import dataclass, replace
    from typing import Annotated, NamedTuple

    import jax
    import jax.numpy as jnp

    from research.engine.experiment import Experiment
    from research.engine.metrics import mean
    from research.options.config import Config


    class State(NamedTuple):
        params: dict
        hyperparameters: dict


    @dataclass(frozen=True)
    class Probe(Config):
        steps: Annotated[int, "steps"] = 40
        size: Annotated[int, "length of the vector"] = 4
        decay: Annotated[float, "factor of each step"] = 0.9

        def problems(self):
            return [] if self.size > 0 else [f"--size must be at least 1, not {self.size}"]

        def smoke(self):
            return replace(self, steps=8)

        def make(self):
            def init(key, hyperparameters):
                return State({"w": jax.random.normal(key, (self.size,))}, hyperparameters)

            def update(state, batch, key):
                noise = 0.01 * jax.random.normal(key, (self.size,))
                w = state.hyperparameters["decay"] * state.params["w"] + noise
                return state._replace(params={"w": w}), {"loss": mean(jnp.sum(w**2))}

            def evaluate(state, batch, key):
                return {"norm": mean(jnp.sum(jnp.abs(state.params["w"])))}

            return Experiment(
                init, update, evaluate, self.steps, self.size, "numbers",
                evaluate_every=10, watched=("validation",), final=("test",),
            )


    config = Probe()
'''


@pytest.fixture
def tiny(project, monkeypatch):
    project.add("alpha/tiny", TINY)
    # The code digest is taken of files below this project's root.
    link = project.root / "research"
    link.symlink_to(ROOT / "research")
    return project


def call(capsys, *tokens):
    code = main([*tokens, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]), err


def test_a_run_from_end_to_end(tiny, tmp_path, capsys):
    code, whole, _ = call(capsys, "run", "tiny", "--runs-dir", "whole")
    assert code == 0 and whole["complete"] and whole["step"] == 40
    assert {"train/loss", "validation/norm", "test/norm"} <= whole["metrics"].keys()

    code, part, _ = call(capsys, "run", "tiny", "--until", "7")
    assert code == Exit.STOPPED
    assert part["step"] == 7 and part["exit_code"] == 75 and not part["complete"]
    code, shown, _ = call(capsys, "show", "tiny")
    assert shown["checkpoints"] == [0, 7] and shown["config"]["decay"] == 0.9
    code, rest, _ = call(capsys, "resume", "tiny", "--save-every", "3", "--report-every", "2")
    assert code == 0 and rest["digest"] == whole["digest"]
    code, again, err = call(capsys, "run", "tiny")
    assert code == 0 and again["digest"] == whole["digest"] and "already finished" in err

    code, verdict, _ = call(capsys, "verify", "tiny")
    assert code == 0 and verdict["verified"] and verdict["equal"] == verdict["compared"] > 3
    code, verdict, _ = call(capsys, "verify", "tiny", "--interval", "39:40")
    assert code == 0 and verdict["compared"] == 1
    code, parting, _ = call(capsys, "diff", whole["run_dir"], rest["run_dir"])
    assert code == 0 and parting["same"]

    code, other, _ = call(capsys, "run", "tiny", "--decay", "0.8")
    assert code == 0 and other["run_dir"] != rest["run_dir"]
    code, parting, _ = call(capsys, "diff", rest["run_dir"], other["run_dir"])
    assert code == Exit.DIFFERENCE and parting["step"] == 0
    assert "config decay: 0.9 and 0.8" in parting["differences"]


def test_human_output_and_restart(tiny, capsys):
    assert main(["run", "tiny", "--smoke"]) == 0
    out, err = capsys.readouterr()
    assert "test/norm" in out and "8 (complete)" in out
    assert "alpha/tiny, seed 0: 8 steps, from the start" in err
    assert main(["run", "tiny", "--smoke", "--restart"]) == 0
    assert "kept as" in capsys.readouterr().err
    aside, current = sorted(Path("runs/alpha/tiny").iterdir(), key=lambda run: -len(run.name))
    code, shown, _ = call(capsys, "show", "tiny")
    assert code == 0 and shown["run_dir"] == str(current)
    code, shown, _ = call(capsys, "show", aside.name)
    assert code == 0 and shown["run_dir"] == str(aside)


def test_starting_from_another_runs_parameters(tiny, capsys):
    _, first, _ = call(capsys, "run", "tiny", "--smoke")
    code, second, _ = call(capsys, "run", "tiny", "--initialize-from", first["run_dir"])
    assert code == 0 and second["config_digest"] != first["config_digest"]
    code, _, _ = call(capsys, "run", "tiny", "--initialize-from", "nothing-like-it")
    assert code == Exit.MISTAKE
    code, refused, _ = call(
        capsys, "run", "tiny", "--size", "5", "--initialize-from", first["run_dir"]
    )
    assert code == Exit.MISTAKE and "do not fit" in refused["error"]


def test_explain(tiny, capsys):
    code, report, err = call(capsys, "explain", "tiny", "--size", "6")
    assert code == 0
    assert report["parameter_count"] == 6
    (leaf,) = report["parameters"].values()
    assert leaf == {"shape": [6], "dtype": "float32", "count": 6}
    assert report["state_bytes"] == {"params": 24, "hyperparameters": 4}
    assert report["steps"] == 40 and report["update"]["memory"]["arguments"] >= 28
    assert "--decay" in err and "traced" in err
    assert not Path("runs").exists()


def with_extra_field(project, mark):
    text = (project.root / "experiments/alpha/tiny.py").read_text()
    extra = f'    extra: Annotated[int, "new"{mark}] = 1\n    decay:'
    text = text.replace("    decay:", extra, 1)
    ranges = "from research.options.ranges import Since\n"
    project.add("alpha/tiny", text.replace("import jax\n", f"import jax\n{ranges}", 1))
    del sys.modules["experiments.alpha.tiny"]


def test_a_run_made_before_a_neutral_option_was_added_goes_on(tiny, capsys):
    _, old, _ = call(capsys, "run", "tiny", "--smoke", "--until", "3")
    with_extra_field(tiny, ", Since(1)")
    code, new, _ = call(capsys, "run", "tiny", "--smoke")
    assert code == 0 and new["run_dir"] == old["run_dir"] and new["complete"]
    code, other, _ = call(capsys, "run", "tiny", "--smoke", "--extra", "2")
    assert code == 0 and other["run_dir"] != old["run_dir"]


def test_a_run_made_before_any_other_option_was_added_goes_on_by_name(tiny, capsys):
    _, old, _ = call(capsys, "run", "tiny", "--smoke", "--until", "3")
    with_extra_field(tiny, "")
    code, new, _ = call(capsys, "run", "tiny", "--smoke")
    assert code == 0 and new["run_dir"] != old["run_dir"]
    code, report, err = call(capsys, "resume", old["run_dir"])
    assert code == 0 and report["complete"] and report["run_dir"] == old["run_dir"]
    assert "before the experiment had --extra (1)" in err


def test_sigterm_saves_and_the_same_command_goes_on(tiny, tmp_path):
    launcher = (
        "import sys; from pathlib import Path\n"
        "from research.engine.environment import settle_environment; settle_environment()\n"
        "from research.cli import main as m; m.ROOT = Path(sys.argv[1])\n"
        "sys.exit(m.main(sys.argv[2:]))"
    )
    command = [sys.executable, "-c", launcher, str(tiny.root), "run", "tiny", "--json"]
    command += ["--steps", "200000000", "--save-seconds", "0.2", "--evaluate-every", "1000000000"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NPROC": str(POOL_SIZE)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("runs/*/*/*/checkpoints/*"))) < 2:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == Exit.STOPPED, err.decode()
    report = json.loads(out.splitlines()[-1])
    assert report["step"] > 0 and report["exit_code"] == 75
    assert "SIGTERM" in report["error"]


def test_many_members_are_told_while_they_are_made_and_can_be_stopped(tiny, monkeypatch, capsys):
    monkeypatch.setattr("research.engine.run._SILENT_SECONDS", 0.0)
    say = Display.note

    def note(display, text):
        say(display, text)
        if text.startswith("7 of 30 members"):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Display, "note", note)
    arguments = "run", "tiny", "--smoke", "--seeds", "30"
    code, report, err = call(capsys, *arguments)
    assert code == Exit.STOPPED and "8 of 30 members made" in report["error"]
    assert "6 of 30 members are made" in err and "9 of 30" not in err
    monkeypatch.setattr(Display, "note", say)
    code, report, _ = call(capsys, *arguments)  # control
    assert code == 0 and report["complete"]


def test_patience_is_part_of_the_run_and_ends_it_alike(project, capsys):
    """The norm of a vector that shrinks to its noise: it does not get better forever."""
    project.add(
        "alpha/tiny", TINY.replace('"norm"', '"mse"').replace('steps"] = 40', 'steps"] = 400')
    )
    (project.root / "research").symlink_to(ROOT / "research")
    code, whole, err = call(capsys, "run", "tiny", "--patience", "2", "--runs-dir", "whole")
    assert code == 0 and whole["complete"] and whole["stopped_early"]
    end, best = whole["step"], whole["metrics"]["reported_step"]
    assert (
        end == best + 20 < 400 and "2 evaluations in a row without a better validation/mse" in err
    )
    code, plain, _ = call(capsys, "run", "tiny", "--runs-dir", "whole")
    assert plain["step"] == 400 and "reported_step" not in plain["metrics"]  # control
    assert plain["config_digest"] != whole["config_digest"]

    code, _, _ = call(capsys, "run", "tiny", "--patience", "2", "--until", str(end - 5))
    assert code == Exit.STOPPED
    code, rest, _ = call(capsys, "resume", "tiny", "--save-every", "3")
    assert code == 0 and (rest["digest"], rest["metrics"]) == (whole["digest"], whole["metrics"])
    code, verdict, _ = call(capsys, "verify", "tiny")
    assert code == 0 and verdict["verified"]
    code, found, _ = call(capsys, "runs", "--runs-dir", "whole")
    told = {row["config"].get("patience"): row["state"] for row in found["runs"]}
    assert told == {2: "complete", None: "complete"}
    code, told, _ = call(capsys, "run", "tiny", "--patience", "2", "--evaluate-every", "5")
    assert code == Exit.MISTAKE and "when it evaluates is part of its result" in told["error"]
    code, told, _ = call(capsys, "run", "tiny", "--patience=-1")
    assert code == Exit.MISTAKE and "--patience must be at least 0, not -1" in told["error"]


def test_patience_needs_a_figure_that_is_known_to_be_better(tiny, capsys):
    code, told, _ = call(capsys, "run", "tiny", "--patience", "2")
    assert code == Exit.MISTAKE and "alpha/tiny evaluates nothing during a run" in told["error"]
    assert not Path("runs").exists()


def test_many_runs_are_verified_by_one_command_and_each_has_its_verdict(tiny, capsys):
    for seed in "0123":
        assert main(["run", "tiny", "--smoke", "--seed", seed]) == 0
    runs = {path.name[-1]: path for path in Path("runs/alpha/tiny").iterdir()}

    def elsewhere(kind, line):
        if kind == "header":
            line["fingerprint"]["platform"] = "another"

    def otherwise(kind, line):
        if kind == "save":
            line["digest"] = "0" * len(line["digest"])

    code, report, _ = call(capsys, "verify", "runs/alpha")
    assert code == 0 and report["verified"] and len(report["runs"]) == 4

    forge(runs["1"], elsewhere)
    (runs["2"] / "ledger.jsonl").write_text("nothing\n")
    forge(runs["3"], otherwise)
    assert main(["verify", "runs/alpha"]) == Exit.DIFFERENCE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        "verified", "not comparable here", "damaged",
    ]  # fmt: skip
    assert lines[3].startswith("differs: runs/alpha/tiny/")
    assert lines[4] == "4 runs: 1 verified, 1 not comparable here, 1 damaged, 1 differs"

    assert main(["verify", "runs/alpha", "--interval", "0:8"]) == Exit.MISTAKE
    assert "--interval is for one run, and these are 4" in capsys.readouterr().err
