"""`export` on small runs: a whole folder that was verified, or one clear message and no folder."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from research.cli.main import main
from research.data.tfds_split import TfdsSplit
from research.errors import Exit
from research.options.catalog import ROOT
from tests.cli.test_run_commands import call

pytestmark = pytest.mark.usefixtures("plain_commands")

FIVE = (
    "vision/digits_cnn",
    "rl/cartpole_ppo",
    "sequence/char_rnn_stateful",
    "sequence/lstm_ten_steps",
    "sequence/dates_attention",
)
"""One of each kind, none of which needs data to be prepared."""
POLICY = "rl/cartpole_hard_coded"
RUN = "cartpole_hard_coded"


def run(directory, name, *words):
    return main(["run", name, "--smoke", "--no-report", "--runs-dir", str(directory), *words])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs")
    assert run(directory, POLICY) == Exit.DONE
    assert run(directory, "autodiff/difference_steps") == Exit.DONE
    return directory


def test_a_policy_leaves_with_its_manifest_and_runs_without_encore(runs, tmp_path, capsys):
    words = ["export", RUN, str(tmp_path / "pole"), "--runs-dir", str(runs)]
    code, told, human = call(capsys, *words)
    assert code == Exit.DONE, human
    manifest = json.loads((tmp_path / "pole" / "manifest.json").read_text())
    assert json.loads(json.dumps(told["manifest"])) == manifest
    assert manifest["kind"] == "actions" and manifest["reading"]["names"] == ["left", "right"]
    assert manifest["origin"]["experiment"] == POLICY and manifest["origin"]["finished"]
    (ledger,) = runs.glob(f"{POLICY}/*/ledger.jsonl")
    assert manifest["origin"]["digest"] == json.loads(ledger.read_text().splitlines()[-1])["sha256"]
    assert "verified without Encore on an episode" in human
    leaning = "numpy.float32([[0, 0, 0.1, 0], [0, 0, -0.1, 0]])"
    script = f"import load, numpy; print(load.load()({{'observation': {leaning}}})['action'])"
    made = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "pole", capture_output=True, text=True
    )
    # It pushes the way the pole leans.
    assert made.stdout.strip() == "[1 0]", made.stderr
    again = main(words)
    assert again == Exit.MISTAKE
    assert "is a folder that is not empty: give another DIR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((RUN, "--to", "onxx"), "did you mean onnx?"),
        (("difference_steps",), "predicts nothing, so there is nothing to export"),
        (("gone",), "there is no run gone"),
        (
            (RUN, "--runtime", "a.tgz"),
            "--runtime is for --to web, not --to stablehlo",
        ),
        ((RUN, "here.txt"), "here.txt is a file: give another DIR"),
        ((RUN, "--checkpoint", "7"), "step 7"),
        ((), "RUN is missing"),
    ],
)
def test_what_cannot_be_exported_is_told(runs, tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    Path("here.txt").write_text("mine")
    assert main(["export", *words, "--runs-dir", str(runs)]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["here.txt"]


def test_a_package_that_is_missing_is_named_with_what_installs_it(runs, monkeypatch, capsys):
    found = importlib.util.find_spec
    hidden = {"onnx"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in hidden else found(name, *a)
    )
    assert main(["export", RUN, "--to", "onnx", "--runs-dir", str(runs)]) == Exit.MISTAKE
    assert "needs onnx, which is not installed here: pip install 'encore[onnx]'" in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_a_run_that_is_not_finished_is_exported_only_on_request(tmp_path, capsys):
    assert run(tmp_path, "vision/digits_cnn", "--until", "20") == Exit.STOPPED
    words = ["export", "digits_cnn", str(tmp_path / "out"), "--runs-dir", str(tmp_path)]
    assert main(words) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert "is not finished: it stands at step 20 of 40" in err and "--unfinished" in err
    code, told, _ = call(capsys, *words, "--unfinished")
    assert code == Exit.DONE and not told["manifest"]["origin"]["finished"]
    assert told["manifest"]["origin"]["step"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("form", ["stablehlo", "onnx"])
@pytest.mark.parametrize("name", FIVE)
def test_models_of_every_kind_are_exported_and_verified(tmp_path, capsys, name, form):
    assert run(tmp_path, name) == Exit.DONE
    words = [name.rpartition("/")[2], str(tmp_path / "out"), "--to", form]
    code, told, human = call(capsys, "export", *words, "--runs-dir", str(tmp_path))
    assert code == Exit.DONE, human
    checked = told["manifest"]["verification"]
    assert max(checked["largest"].values()) <= checked["tolerance"] == 1e-5
    assert list(checked["batch_sizes"]) == [1, 7, 32]


@pytest.mark.slow
def test_what_left_answers_as_predict_does(tmp_path, capsys):
    assert run(tmp_path, "vision/digits_cnn") == Exit.DONE
    runs_dir = ("--runs-dir", str(tmp_path))
    assert call(capsys, "export", "digits_cnn", str(tmp_path / "out"), *runs_dir)[0] == Exit.DONE
    images = TfdsSplit("encore_digits", "test").read(np.arange(360))["image"]
    np.save(tmp_path / "images.npy", images)
    script = (
        "import load, numpy; x = numpy.load('../images.npy');"
        "numpy.save('../made.npy', load.load()({'image': x})['probability'])"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path / "out", check=True)
    made = np.load(tmp_path / "made.npy")
    _, told, _ = call(capsys, "predict", "digits_cnn", "--count", "360", *runs_dir)
    expected = np.array(
        [[one["probabilities"][str(k)] for k in range(10)] for one in told["predictions"]]
    )
    np.testing.assert_allclose(made, expected, atol=1e-5)
    np.testing.assert_array_equal(made.argmax(axis=1), expected.argmax(axis=1))
    # The control: other pictures have other answers.
    assert np.abs(made[1:] - expected[:-1]).max() > 1e-3


@pytest.mark.slow
def test_an_interrupt_leaves_nothing(tmp_path):
    assert run(tmp_path, "vision/digits_cnn") == Exit.DONE
    out = tmp_path / "exports"
    command = [sys.executable, str(ROOT / "launch.py"), "export", "digits_cnn", str(out / "one")]
    process = subprocess.Popen(
        [*command, "--runs-dir", str(tmp_path)], stderr=subprocess.PIPE, text=True, env=os.environ
    )
    for line in process.stderr:
        if line.startswith("without Encore"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == Exit.STOPPED and "nothing was published" in err
    assert "Traceback" not in err and not [*out.iterdir()]
