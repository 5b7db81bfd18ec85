"""`serve` as a person uses it: the answers are those of `predict`, and a signal ends it well."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.peers.http_load import ask_alone, ask_for
from research.cli.main import main
from research.errors import Exit
from research.options.command import Context
from research.runs.reported import StateOptions, open_reported
from tests.cli.processes import command, surroundings

pytestmark = pytest.mark.usefixtures("plain_commands")

NAIVE, NET = "sequence/naive_ten_steps", "vision/digits_cnn"


def make_run(directory, name):
    words = ["--smoke", "--no-report", "--runs-dir", str(directory)]
    assert main(["run", name, *words]) == 0
    return directory


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs")
    make_run(directory, "autodiff/difference_steps")
    return make_run(directory, NAIVE)


def predicted(runs, name, count, capsys):
    """The first test examples as bodies of requests, and what `predict` makes of each."""
    options = StateOptions(runs_dir=str(runs))
    context = Context(io.StringIO())
    found = open_reported(name, options, context, "predict", "", with_data=True)
    split = found.experiment.data.splits["test"]
    count = min(count, len(split))
    inputs, _ = found.offer.split(split.read(np.arange(len(split) - count, len(split))))
    bodies = [
        json.dumps({"inputs": {key: array[row, None].tolist() for key, array in inputs.items()}})
        for row in range(count)
    ]
    # Of a series `predict` shows the last, of anything else the first: of all it shows all.
    asked = len(split) if name == NET else count
    capsys.readouterr()
    words = ("--count", str(asked), "--runs-dir", str(runs), "--json")
    assert main(["predict", name, *words]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["predictions"]
    return [body.encode() for body in bodies], told[-count:]


@contextlib.contextmanager
def served(runs, name, *words):
    """`serve` in a process of its own; yields it and its port."""
    with subprocess.Popen(
        command(None, "serve", name, "--runs-dir", str(runs), "--port", "0", "--json", *words),
        env=surroundings(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            for line in process.stderr:
                if found := re.search(r"at http://127.0.0.1:(\d+) \(Ctrl-C stops\)", line):
                    break
            else:
                raise AssertionError("it ended")
            yield process, int(found[1])
        finally:
            process.kill()


def check(name, body, expected):
    """That an answer has what `predict` shows, digit for digit."""
    answer = json.loads(body)
    if name == NAIVE:
        assert answer["outputs"] == {"mean": [expected["mean"]]}
        assert [*answer["answers"][0].values()] == [expected["mean"]]
    else:
        probabilities = [expected["probabilities"][str(digit)] for digit in range(10)]
        assert answer["outputs"] == {"probability": [probabilities]}
        assert answer["answers"] == [{"class": expected["class"]}]


def ask_many(runs, name, capsys, *, count, clients, seconds):
    bodies, expected = predicted(runs, name, count, capsys)
    with served(runs, name) as (process, port):
        alone = ask_alone(port, bodies)
        found = ask_for(port, bodies, alone, clients, seconds)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    for body, one in zip(alone, expected, strict=True):
        check(name, body, one)
    # The control: the answers tell inputs apart.
    assert len({*alone}) > len(alone) / 2
    assert (found.wrong, found.lost) == (0, 0) and found.answered >= clients
    assert process.returncode == Exit.DONE and "Traceback" not in err
    assert "SIGTERM: finishing, then stopping" in err
    told = json.loads(out)
    assert told["requests"] == found.answered + len(bodies) and told["errors"] == 0
    assert told["experiment"] == name and told["run_seed"] == 0
    return found


def test_a_run_is_served_to_many_at_once_and_ended_by_a_signal(runs, capsys):
    ask_many(runs, NAIVE, capsys, count=20, clients=16, seconds=0.5)


@pytest.mark.slow
def test_two_hundred_clients_for_a_minute_and_nothing_is_lost(tmp_path, capsys):
    runs = make_run(tmp_path, NET)
    found = ask_many(runs, NET, capsys, count=360, clients=200, seconds=60)
    print(f"{found.answered} requests in {found.seconds:.1f} s")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("difference_steps",), "autodiff/difference_steps predicts nothing that could be served"),
        (("nowhere",), "nowhere"),
        ((NAIVE, "--member", "0"), "--member: this is a run of one seed"),
        ((NAIVE, "--host", "not a host"), "--host not a host is no address"),
        ((NAIVE, "--host", "192.0.2.1"), "that is no address of this machine"),
        ((NAIVE, "--max-rows", "0"), "--max-rows must be at least 1, not 0"),
        ((NAIVE, "--timeout", "0"), "--timeout must be above 0, not 0"),
        ((), "RUN is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_told(runs, capsys, words, says):
    assert main(["serve", "--port", "0", *words, "--runs-dir", str(runs)]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err
    assert sum(line.startswith("error:") for line in err.splitlines()) == 1


def test_a_port_that_cannot_be_had_is_told(runs, capsys):
    words = ("serve", NAIVE, "--runs-dir", str(runs), "--port")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([*words, port]) == Exit.MISTAKE
    assert f"--port {port}: that port is in use; choose another, or 0" in capsys.readouterr().err
    assert main([*words, "70000"]) == Exit.MISTAKE
    assert "--port must be at least 0 and at most 65535, not 70000" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_a_package_that_is_missing_is_told(monkeypatch, capsys, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["serve", "digits_cnn"]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert f"serve needs {package}, which is not installed here: pip install '{package}>=" in err
