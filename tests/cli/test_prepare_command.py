"""`prepare` finds out what is meant; the preparing itself is tested with the data."""

import json

import pytest

from research.cli.main import main
from research.data import download as preparation
from research.errors import Exit


@pytest.fixture
def calls(monkeypatch):
    made = []
    monkeypatch.setattr(
        preparation, "prepare", lambda make, console: made.append(make()) or made[-1]
    )
    monkeypatch.setattr(preparation, "prepare_dataset", lambda name, console: made.append(name))
    return made


def with_data(project):
    text = (project.root / "experiments/alpha/probe.py").read_text()
    made = """
            from types import SimpleNamespace

            from research.engine.experiment import Data, Experiment

            data = Data({"train": SimpleNamespace(name="a set")})
            return Experiment(None, None, None, 1, 1, "steps", data=data)
    """
    project.add("alpha/probe", text.replace('        raise RuntimeError("made")', made))


def test_an_experiments_sources_are_prepared(project, calls, capsys):
    with_data(project)
    assert main(["prepare", "probe", "--json"]) == 0
    assert [source.name for source in calls[0]] == ["a set"]
    assert json.loads(capsys.readouterr().out) == {"prepared": ["a set"]}


@pytest.mark.parametrize(
    "name", ["mnist", "mnist:3.0.1", "imdb_reviews/plain_text", "cta_ridership"]
)
def test_a_data_set_is_prepared_by_its_own_name(project, calls, name, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "empty"))
    assert main(["prepare", name]) == 0
    assert calls == [name]


@pytest.mark.parametrize(("name", "near"), [("mnst", "mnist"), ("prob", "probe")])
def test_what_is_neither_gets_the_nearest_of_both(project, calls, name, near, capsys):
    assert main(["prepare", name]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert "neither an experiment nor a data set" in err and near in err
    assert calls == []
