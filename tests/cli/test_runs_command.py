"""The table of runs: what is in it, in what order, how it fits, and how long it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research.cli.commands.runs import short_name, spell_age
from research.cli.main import main
from research.errors import Exit, Mistake
from research.options.terminal import spell_bytes
from research.runs.names import find_meant, find_run, is_in_use
from research.runs.rows import natural
from tests.runs.fabricate import make_population, make_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "runs"
    slow = {"batch_size": 32, "learning_rate": 0.0001, "widths": [32, 64]}
    fast = {**slow, "learning_rate": 0.01, "widths": [16]}
    for seed in (2, 10):
        make_run(place, config=slow, seed=seed, result={"test/accuracy": 0.5 + seed / 100})
    make_run(place, config=fast, step=40, figures={"validation/loss": 0.25})
    make_run(place, config=fast, seed=1, step=40, nonfinite=41, figures={"train/loss": "nan"})
    make_population(place, [0.25, 0.75], config=fast, seed=5)
    make_run(place, experiment="beta/other", steps=None, step=3, config={"size": 1})
    kept = make_run(place, experiment="beta/other", seed=4, result={"test/loss": 1.0})
    kept.rename(kept.with_name(f"{kept.name}.aside-0"))
    return place


def listed(capsys, *tokens):
    assert main(["runs", *tokens, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["runs"]


def ends(rows):
    return [row["name"].partition("-")[2] for row in rows]


def test_all_runs_by_name_with_numbers_in_order(runs, capsys):
    rows = listed(capsys)
    assert len(rows) == 6
    assert [row["name"] for row in rows] == sorted((row["name"] for row in rows), key=natural)
    of_slow = [row for row in rows if row["config"].get("learning_rate") == 0.0001]
    assert ends(of_slow) == ["s2", "s10"]
    states = {row["name"].partition("-")[2]: row["state"] for row in rows if "alpha" in row["name"]}
    assert states == {"s2": "complete", "s10": "complete", "s0": "stopped", "s1": "diverged",
                      "s5+2-w2": "complete"}  # fmt: skip


def test_a_population_over_values_shows_the_spread_of_each_end(tmp_path, monkeypatch, capsys):
    """That of the seeds of a value, and not from the least member to the greatest."""
    monkeypatch.chdir(tmp_path)
    members = [
        {"seed": seed, "hyperparameters": {"learning_rate": rate}, "digest": "e" * 64,
         "metrics": {"test/accuracy": value}}
        for rate, values in ((0.1, (0.8, 0.9)), (0.01, (0.5, 0.5)))
        for seed, value in enumerate(values)
    ]  # fmt: skip
    config = {"batch_size": 32, "learning_rate": [0.1, 0.01]}
    make_run(tmp_path / "runs", config=config, population=(2, 4), members=members,
             result={"test/accuracy": 0.675})  # fmt: skip
    (row,) = listed(capsys)
    assert row["value"] == pytest.approx(0.675)
    assert row["spread"] == "0.5 ± 0 to 0.85 ± 0.64"


def test_a_population_is_one_row_with_mean_and_interval(runs, capsys):
    (row,) = listed(capsys, "--filter", "seed=6")
    assert (row["seed"], row["seeds"], row["width"]) == (5, 2, 2)
    assert (row["figure"], row["value"], row["spread"]) == ("test/accuracy", 0.5, "0.5 ± 3.2")
    assert [member["seed"] for member in row["members"]] == [5, 6]
    assert main(["runs", "--filter", "seed=6"]) == 0
    assert "5-6" in capsys.readouterr().out


def test_what_restart_kept_aside_is_shown_when_asked_for(runs, capsys):
    assert main(["runs"]) == 0
    assert "1 kept aside by --restart: --all" in capsys.readouterr().out
    assert len(listed(capsys, "--all")) == 7


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        (("probe",), 5),
        (("OTHER",), 1),
        (("--filter", "stopped"), 2),
        (("--filter", "complete"), 3),
        (("--filter", "state=diverged"), 1),
        (("--filter", "state!=complete"), 3),
        (("--filter", "alpha,stopped"), 1),
        (("--filter", "learning_rate=1e-4"), 2),
        (("--filter", "learning-rate>=0.001"), 3),
        (("--filter", "learning_rate<0.001,seed>2"), 1),
        (("--filter", "widths=32,64"), 2),
        (("--filter", "widths=16,seed=0"), 1),
        (("--filter", "widths!=16"), 2),
        (("--filter", "step>=40,step<100"), 2),
        (("probe", "--filter", "size=1"), 0),
    ],
)
def test_filters(runs, capsys, tokens, found):
    assert len(listed(capsys, *tokens)) == found


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (("--filter", "learning_rat=1"), "did you mean learning_rate?"),
        (("--filter", "learning_rate="), "a value is missing after ="),
        (("--filter", "widths<many"), "< compares numbers, and many is none"),
        (("--filter", "state=complet"), "did you mean complete?"),
        (("--sort", "figur"), "did you mean figure?"),
        (("--sort", "zzz"), "there are name, seed"),
        (("prope",), "did you mean probe?"),
    ],
)
def test_mistakes_are_explained(runs, capsys, tokens, said):
    assert main(["runs", *tokens]) == Exit.MISTAKE
    assert said in capsys.readouterr().err


def test_orders(runs, capsys):
    best = [
        row["value"] for row in listed(capsys, "probe", "--sort", "figure", "--filter", "complete")
    ]
    assert best == sorted(best, reverse=True)
    rates = [
        row["config"].get("learning_rate") for row in listed(capsys, "--sort", "learning_rate")
    ]
    assert rates == [0.0001] * 2 + [0.01] * 3 + [None]
    back = [
        row["config"].get("learning_rate")
        for row in listed(capsys, "--sort", "learning-rate", "--reverse")
    ]
    assert back == [0.01] * 3 + [0.0001] * 2 + [None]
    sizes = [row["bytes"] for row in listed(capsys, "--sort", "size")]
    assert sizes == sorted(sizes)
    # NaN is no figure to be sorted by, and comes last either way.
    for extra in ((), ("--reverse",)):
        assert listed(capsys, "--sort", "figure", *extra)[-1]["figure"] in ("train/loss", None)


def test_sorting_by_age_puts_the_newest_first(runs, capsys):
    rows = listed(capsys)
    for age, row in enumerate(rows):
        for path in Path(row["run_dir"]).iterdir():
            os.utime(path, (time.time() - 100 * age, time.time() - 100 * age))
    assert [row["name"] for row in listed(capsys, "--sort", "age")] == [r["name"] for r in rows]


def test_steps_are_known_from_the_header_or_a_finished_run_of_the_same_config(runs, capsys):
    rows = {row["name"].partition("-")[2]: row for row in listed(capsys, "beta")}
    assert rows["s0"]["steps"] is None
    make_run(runs, experiment="beta/other", steps=None, step=9, config={"size": 1}, seed=1,
             result={"test/loss": 0.1})  # fmt: skip
    rows = {row["name"].partition("-")[2]: row for row in listed(capsys, "beta")}
    assert (rows["s0"]["step"], rows["s0"]["steps"]) == (3, 9)


def test_damaged_runs_are_listed_with_what_is_wrong(runs, capsys):
    (runs / "alpha/probe/0123456789ab-s3/checkpoints").mkdir(parents=True)
    (runs / "alpha/probe/notes").mkdir()
    broken = next((runs / "beta/other").glob("*-s0")) / "ledger.jsonl"
    broken.write_text("rubbish\n")
    assert sorted(ends(listed(capsys, "--filter", "damaged"))) == ["s0", "s3"]
    assert main(["runs"]) == 0
    text = capsys.readouterr().out
    assert "0123456789ab-s3: ledger.jsonl is missing" in text and "cannot be read" in text


def test_the_engines_own_header_holds_the_steps(tmp_path, program):
    from research.runs.summary import summarize
    from tests.engine.toy import run_toy

    with pytest.raises(Exception, match="stopped"):
        run_toy(tmp_path, program, until=10)
    found = summarize(tmp_path)
    assert (found.state, found.step, found.steps) == ("stopped", 10, 60)


@pytest.fixture
def program():
    from research.engine.program import Program
    from tests.engine.toy import ToyFeed, make_toy

    return Program(make_toy(), ToyFeed())


def test_no_runs_at_all(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["runs"]) == 0
    assert "runs holds no runs" in capsys.readouterr().out
    assert listed(capsys, "--filter", "learning_rate=1") == []


@pytest.mark.parametrize("columns", [200, 120, 100, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal(runs, capsys, monkeypatch, columns):
    monkeypatch.setattr("research.options.terminal.is_terminal", lambda file: True)
    monkeypatch.setattr("research.options.terminal.width", lambda file: columns)
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()[:7]
    assert max(map(len, lines)) <= columns
    # What a run is called and how it stands is always there.
    assert sum("complete" in text for text in lines) == 3
    for row in listed(capsys):
        end = row["name"].partition("-")[2]
        assert any(f"-{end} " in text for text in lines), end
    text = "\n".join(lines)
    assert ("differs in" in text) is (columns >= 120) and ("size" in text) is (columns >= 100)


def test_without_a_terminal_all_is_shown_whole(runs, capsys):
    assert main(["runs"]) == 0
    text = capsys.readouterr().out
    assert "learning-rate 0.01, widths 16" in text and "…" not in text and "40/100" in text


def test_a_population_and_short_names_are_found(runs):
    (population,) = runs.glob("alpha/probe/*+2-w2")
    digest = population.name.partition("-")[0]
    for text in (
        population.name,
        f"{digest[:5]}-s5+2-w2",
        "s5+2-w2",
        f"probe/{digest[:5]}-s5+2-w2",
    ):
        assert find_run(text, runs) == population
    assert short_name(f"probe/{population.name}") == f"probe/{digest[:6]}-s5+2-w2"
    assert find_run(short_name(f"probe/{population.name}"), runs) == population
    with pytest.raises(Mistake, match="no run"):
        find_run(f"{digest[:5]}-s7", runs)
    for name in ("3f2a-s0", "a/b/3f2a-s0", "3f2a-s0+8-w4"):
        assert is_in_use(name)
    for name in ("3f2a-s0.aside-0", "3f2a-s0+8", "3f2a-s0+8-w4.aside-1", "checkpoints", "s0"):
        assert not is_in_use(name)


def test_a_word_that_means_several_runs(runs):
    assert len(find_meant("probe", runs)) == 5
    assert find_meant("probe", runs) == find_meant(str(runs / "alpha" / "probe"), runs)
    one = find_meant("s10", runs)
    assert len(one) == 1 and find_meant(str(one[0]), runs) == one
    with pytest.raises(Mistake, match="did you mean"):
        find_meant("proble", runs)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59, "59 s"), (90, "2 min"), (3600, "60 min"), (7200, "2 h"), (2e5, "2 d")],
)
def test_ages(seconds, text):
    assert spell_age(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1024, "1.0 KiB"), (5e6, "4.8 MiB"), (3e12, "2.7 TiB")],
)
def test_sizes(size, text):
    assert spell_bytes(size) == text


def test_files_of_three_hundred_runs_are_opened_a_few_times_each_and_nothing_heavy_is_imported(
    tmp_path,
):
    for at in range(300):
        make_run(tmp_path / "runs", config={"rate": at % 5}, seed=at, leaves=40,
                 result={"test/accuracy": at / 300})  # fmt: skip
    code = (
        "import collections, sys\n"
        "from research.cli.main import main\n"
        "opened = collections.Counter()\n"
        "def note(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith(('.json', '.jsonl')):\n"
        "        opened[str(arguments[0])] += 1\n"
        "sys.addaudithook(note)\n"
        "assert main(['runs']) == 0\n"
        "heavy = {'jax', 'scipy', 'numpy', 'matplotlib', 'tensorboardX'} & set(sys.modules)\n"
        "print(len(opened), max(opened.values()), *heavy, file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True,
                          capture_output=True, text=True)  # fmt: skip
    files, times, *heavy = done.stderr.split()
    assert len(done.stdout.splitlines()) == 302 and not heavy
    assert 300 <= int(files) <= 900 and int(times) <= 4
