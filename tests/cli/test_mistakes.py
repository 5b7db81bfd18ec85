"""What is typed wrong, or stands in the way on disk, is one message with what to do."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from research.cli.main import main
from research.errors import Exit, Mistake
from research.options.assembly import _check_memory
from research.options.catalog import catalog, load, resolve
from tests.cli.test_run_commands import call, tiny  # noqa: F401, a fixture


def refused(capsys, *words, code=Exit.MISTAKE):
    assert main(list(words)) == code
    err = capsys.readouterr().err
    assert "Traceback" not in err and "bug" not in err
    return err.splitlines()[-1] if err.startswith("note") else err


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_text(""), "is a file, where a folder is wanted"),
        (lambda path: path.symlink_to("nowhere"), "is a link that leads nowhere"),
        (lambda path: path.symlink_to(path.name), "is a link that leads in a circle"),
    ],
)
@pytest.mark.parametrize("below", ["", "/alpha", "/alpha/tiny"])
def test_something_in_the_way_of_a_run(tiny, tmp_path, capsys, make, says, below):  # noqa: F811
    place = tmp_path / f"runs{below}"
    place.parent.mkdir(parents=True, exist_ok=True)
    make(place)
    told = refused(capsys, "run", "tiny", "--smoke")
    assert says in told or "there already" in told
    assert f"runs{below}" in told and "give another path" in told


def test_a_name_that_is_too_long(tiny, capsys):  # noqa: F811
    told = refused(capsys, "run", "tiny", "--smoke", "--runs-dir", "x" * 300)
    assert "a name is too long" in told and "choose a shorter one" in told


@pytest.mark.parametrize("name", ["ledger.jsonl", "metrics.jsonl", "lock", "checkpoints"])
def test_a_folder_where_a_file_belongs_and_the_other_way_round(tiny, capsys, name):  # noqa: F811
    _, run, _ = call(capsys, "run", "tiny", "--smoke", "--until", "3")
    place = Path(run["run_dir"]) / name
    place.rename(place.with_name("aside"))
    place.write_text("") if name == "checkpoints" else place.mkdir()
    told = refused(capsys, "run", "tiny", "--smoke")
    assert str(place) in told and re.search("is a (file|folder)", told)
    main(["runs"])
    assert "Traceback" not in capsys.readouterr().err


def test_a_home_is_meant_by_its_sign_also_behind_an_equals_sign(tiny, capsys, monkeypatch):  # noqa: F811
    monkeypatch.setenv("HOME", str(Path("home").absolute()))
    code, run, _ = call(capsys, "run", "tiny", "--smoke", "--runs-dir=~/x")
    assert code == 0 and Path(run["run_dir"]).is_relative_to(Path("home/x").absolute())
    assert not Path("~").exists()
    assert call(capsys, "report", "tiny", "--runs-dir=~/x", "--output=~/page.html")[0] == 0
    assert Path("home/page.html").exists()
    told = refused(capsys, "runs", "--runs-dir=~no-such-user/x")
    assert "there is no such home folder" in told and "./" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sample", "x", "--top-k", "3000000000"), "--top-k 3000000000: a whole number of at most"),
        (("run", "tiny", "--until", "3000000000"), "at most 2,147,483,647"),
        (("run", "tiny", "--steps", "3e9"), "--steps 3e9: a whole number of at most 2,147,483,647"),
        (
            ("run", "tiny", "--seed", "4294967296"),
            "a whole number of at most 4,294,967,295",
        ),
        (
            ("run", "tiny", "--seeds", "10000000"),
            "--seeds must be at least 1 and at most 100000",
        ),
        (("run", "tiny", "--steps", "0"), "--steps must be at least 1, not 0"),
    ],
)
def test_numbers_that_are_too_large_or_too_small(tiny, capsys, words, says):  # noqa: F811
    assert says in refused(capsys, *words)
    assert not Path("runs").exists()


def test_seeds_reach_as_far_as_they_always_did(tiny, capsys):  # noqa: F811
    code, run, _ = call(capsys, "run", "tiny", "--smoke", "--seed", "4294967295")
    assert code == 0 and run["seed"] == 4294967295


def test_options_that_belong_to_the_run(tiny, capsys):  # noqa: F811
    call(capsys, "run", "tiny", "--smoke", "--until", "3")
    told = refused(capsys, "resume", "tiny", "--steps", "60")
    assert "--steps: it is part of the run's config; another run is started by `run`" in told
    assert "did you mean" not in told
    assert "it says which run it is" in refused(capsys, "resume", "tiny", "--seed", "3")
    assert "part of the run's config" in refused(capsys, "verify", "--decay=0.5", "tiny")
    assert "did you mean --keep?" in refused(capsys, "resume", "tiny", "--kep", "3")
    assert "did you mean --keep?" in refused(capsys, "resume", "no-such-run", "--kep", "3")
    # No option of the run either, and like --keep only by its dashes.
    assert "did you mean" not in refused(capsys, "resume", "no-such-run", "--steps", "60")


def made(name, **changed):
    named = load(resolve(name, catalog()))
    return named.make(dataclasses.replace(named.config, **changed))


@pytest.mark.parametrize(
    ("name", "changed", "says"),
    [
        ("cartpole_ppo", {"environment_steps": 10}, "--environment-steps must be at least 256"),
        ("cartpole_dqn", {"environment_steps": 10}, "--environment-steps must be at least 500"),
        ("maze_q_learning", {"environment_steps": 10}, "the run would make no update; for one"),
        ("cartpole_ppo", {"rollout_steps": 10**5}, "--environment-steps must be at least 800000"),
    ],
)
def test_a_config_that_would_update_nothing(name, changed, says):
    with pytest.raises(Mistake, match=says):
        made(name, **changed)


def test_what_learns_nothing_by_design_may():
    assert made("naive_one_step").steps == 0
    assert made("cartpole_hard_coded").steps == 0


@pytest.mark.parametrize("name", ["acrobot_ppo", "acrobot_dqn", "cartpole_pqn"])
def test_a_convolution_of_vectors(capsys, name):
    told = refused(capsys, "run", name, "--channels", "7")
    assert "its observations are no images" in told and "Breakout-MinAtar" in told


@pytest.mark.parametrize(
    "name", ["cartpole_ppo", "cartpole_dqn", "cartpole_cma_es", "gru_ten_steps"]
)
def test_a_net_deeper_than_can_be_compiled(capsys, name):
    assert "--layers must be at" in refused(capsys, "run", name, "--layers", "1001")


def test_more_in_a_batch_than_there_is(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("char_transformer_small", "digits_cnn"):
        told = refused(capsys, "run", name, "--batch-size", "999999")
        assert "--batch-size" in told and re.search(r"\d+ (is|are) the most|at most|fewer", told)
    assert not Path("runs").exists()


def test_a_refusal_in_words_is_a_mistake_and_any_other_error_a_bug(tiny, capsys):  # noqa: F811
    text = (tiny.root / "experiments/alpha/tiny.py").read_text()
    refusal = 'if self.size == 9:\n            raise ValueError("size 9 is odd")\n'
    bug = 'if self.size == 8:\n            int("eight")\n'
    start = "    def make(self):\n"
    tiny.add("alpha/other", text.replace(start, f"{start}        {refusal}        {bug}"))
    assert "alpha/other: size 9 is odd" in refused(capsys, "run", "other", "--size", "9")
    assert main(["run", "other", "--size", "8"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("./folder/", "./folder/ is a folder"),
        ("folder", "folder is a folder"),
        ("notes.md", "notes.md is a file whose name does not end in .txt"),
        ("./none", "there is no file ./none"),
        ("none.txt", "cannot be read: No such file"),
        ("folder.txt", "cannot be read: Is a directory"),
        ("binary.txt", "is not UTF-8"),
    ],
)
def test_a_path_that_is_no_text(capsys, tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "folder.txt"):
        Path(name).mkdir()
    Path("notes.md").write_text("words")
    Path("binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    told = refused(capsys, "run", "char_rnn_stateless", "--text", text)
    assert says in told
    if ".txt" not in text:
        assert "name ends in .txt, or the name of a tfds data set" in told


def test_members_that_cannot_lie_in_memory_together(monkeypatch):
    import jax
    import jax.numpy as jnp

    shape = jax.ShapeDtypeStruct((1000, 2**10, 2**10), jnp.float32)
    members = SimpleNamespace(members=1000, shapes={"w": shape})

    monkeypatch.setattr("research.engine.environment.available_memory", lambda: 2**32)
    _check_memory(members, jax.devices()[:1])
    monkeypatch.setattr("research.engine.environment.available_memory", lambda: 2**31)
    with pytest.raises(Mistake, match=r"1,000 members need 3.9 GiB together, and there are 2.0"):
        _check_memory(members, jax.devices()[:1])


def test_too_many_open_files(tiny, tmp_path):  # noqa: F811
    from tests.cli.processes import call as called

    limited = ("bash", "-c", 'ulimit -n 24; exec "$@"', "-")
    done = called("run", "tiny", "--runs-dir", str(tmp_path / "r"), project=tiny, prefix=limited)
    assert done.returncode in (0, Exit.MISTAKE)
    assert "Traceback" not in done.stderr or done.returncode == 0
    if done.returncode:
        assert "too many open files" in done.stderr


def test_two_guided_sweeps_below_a_folder_with_signs_in_its_name(tmp_path):
    pytest.importorskip("optuna")
    from research.sweep.study import FILE, Study

    for name in ("a?b", "a?c", "50 %#"):
        (tmp_path / name).mkdir()
        study = Study(tmp_path / name, {}, maximize=True)
        assert study.trials() == []
        study.begin(0, lambda point: [])
        assert len(study.trials()) == 1
        study.shut()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["50 %#", "a?b", "a?c"]
    assert all((path / FILE).stat().st_size for path in tmp_path.iterdir())
