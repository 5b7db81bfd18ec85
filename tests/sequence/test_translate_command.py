"""`translate` by a net that has hardly learned: what it writes depends on its options alone."""

from __future__ import annotations

import pytest

from research.cli.main import main
from research.errors import Exit
from research.sequence.translations import dates
from tests.cli.test_run_commands import call

pytestmark = pytest.mark.usefixtures("plain_commands")

DATE = "April 22, 2019"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def translated(runs, capsys):
    """Text and options -> the JSON that `translate` prints, and what a person sees of it."""
    code, _, _ = call(capsys, "run", "sequence/dates_attention", "--smoke", "--runs-dir", runs)
    assert code == 0

    def translate(text, *options):
        code, told, human = call(capsys, "translate", "dates", text, "--runs-dir", runs, *options)
        assert code == 0
        return told, human

    return translate


def test_a_translation_is_that_of_its_options(translated):
    told, human = translated(DATE)
    assert told["translation"] in human and told["unknown"] == []
    assert len(told["candidates"]) == 1 and len(told["translation"]) <= 11
    assert translated(DATE, "--seed", "3")[0]["translation"] == told["translation"]
    drawn = [translated(DATE, "--temperature", "2", "--seed", seed)[0] for seed in "556"]
    assert drawn[0]["translation"] == drawn[1]["translation"] != drawn[2]["translation"]


def test_predict_writes_the_same(translated, runs, capsys):
    _, told, human = call(capsys, "predict", "dates", DATE, "Zpril 22, 2019", "--runs-dir", runs)
    made = [one["translation"] for one in told["predictions"]]
    assert made == [translated(text)[0]["translation"] for text in (DATE, "Zpril 22, 2019")]
    assert "note: Zpril 22, 2019: not known to the model: Z" in human
    _, told, human = call(capsys, "predict", "dates", "--count", "2", "--runs-dir", runs)
    for one in told["predictions"]:
        assert one["translation"] == translated(one["text"])[0]["translation"]
    right = sum(one["translation"] == one["truth"] for one in told["predictions"])
    assert f"{right} of 2 as the true one" in human
    assert main(["predict", "dates", "", "--runs-dir", runs]) == Exit.MISTAKE
    assert "there is nothing to translate" in capsys.readouterr().err


def test_the_data_is_not_opened(translated, monkeypatch):
    told, _ = translated(DATE)
    monkeypatch.setattr(dates, "make_dates", None)
    assert translated(DATE)[0]["translation"] == told["translation"]
    with pytest.raises(TypeError):  # control: making it from the data would not have worked
        dates.DateTranslation().make()


def test_a_beam_tells_all_that_it_kept_the_best_first(translated):
    told, human = translated(DATE, "--beam", "4")
    scores = [candidate["score"] for candidate in told["candidates"]]
    assert len(scores) == 4 and scores == sorted(scores, reverse=True)
    assert told["translation"] == told["candidates"][0]["text"]
    assert all(candidate["text"] in human for candidate in told["candidates"])
    short, _ = translated(DATE, "--beam", "4", "--length-penalty", "0")
    assert short["candidates"][0]["score"] < scores[0]


def test_what_was_never_learned_is_told(translated):
    told, human = translated("Zpril 22, 2019")
    assert told["unknown"] == ["Z"] and "never learned 'Z'" in human


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("",), "'' has no characters: there is nothing to translate"),
        ((DATE + ", a Monday",), "the text has 24 characters, and the model has learned from"),
        ((DATE, "--beam", "0"), "--beam must be at least 1 and at most 100, not 0"),
        ((DATE, "--beam", "2", "--temperature", "1"), "choose one of the two"),
        ((DATE, "--length-penalty=-1"), "--length-penalty must be at least 0, not -1"),
        ((DATE, "--temperature=-1"), "--temperature must be at least 0, not -1"),
        ((DATE, "--member", "0"), "--member: this is a run of one seed"),
        ((), "SENTENCE"),
    ],
)
def test_what_cannot_be_translated_is_told(translated, runs, capsys, words, says):
    assert main(["translate", "dates", *words, "--runs-dir", runs]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_an_experiment_without_languages_translates_nothing(runs, capsys):
    assert call(capsys, "run", "sequence/naive_one_step", "--smoke", "--runs-dir", runs)[0] == 0
    assert main(["translate", "naive_one_step", DATE, "--runs-dir", runs]) == Exit.MISTAKE
    assert "sequence/naive_one_step translates nothing" in capsys.readouterr().err
