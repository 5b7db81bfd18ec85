"""`sample` on a net that has hardly learned: what it writes depends on its options alone."""

from __future__ import annotations

import pytest

from research.cli.main import main
from research.errors import Exit
from tests.cli.test_run_commands import call

pytestmark = pytest.mark.usefixtures("plain_commands")

NAME = "sequence/char_rnn_stateful"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def sampled(runs, capsys):
    """Options -> the JSON that `sample` prints, and what a person sees of it."""
    code, _, _ = call(capsys, "run", NAME, "--smoke", "--runs-dir", runs)
    assert code == 0

    def sample(*options):
        code, told, human = call(capsys, "sample", "char_rnn", "--runs-dir", runs, *options)
        assert code == 0
        return told, human

    return sample


def test_a_text_is_that_of_its_seed_and_streams_to_whoever_looks(sampled):
    told, human = sampled("--prompt", "The if statement", "--length", "37")
    # The net knows lower case alone.
    assert "the if statement" + told["text"] in human
    assert len(told["text"]) == 37
    assert sampled("--prompt", "The if statement", "--length", "37")[0]["text"] == told["text"]
    assert told["characters_per_second"] is None  # of parts after the first, and there is one alone
    longer, _ = sampled("--prompt", "The if statement", "--length", "300")
    assert longer["text"].startswith(told["text"]) and longer["characters_per_second"] > 0
    other, _ = sampled("--prompt", "The if statement", "--length", "37", "--seed", "1")
    assert other["text"] != told["text"]


def test_at_temperature_0_no_seed_matters(sampled):
    one, two = (sampled("--temperature", "0", "--length", "20", "--seed", seed)[0] for seed in "12")
    assert one["text"] == two["text"]
    greedy, _ = sampled("--top-k", "1", "--length", "20")
    narrow, _ = sampled("--top-p", "1e-6", "--length", "20")
    assert greedy["text"] == narrow["text"] == one["text"]


def test_what_predict_says_comes_next_is_what_a_greedy_text_goes_on_with(sampled, runs, capsys):
    text = sampled("--prompt", "The if", "--temperature", "0", "--length", "4")[0]["text"]
    words = [f"The if{text[:count]}" for count in range(3)]
    _, told, human = call(capsys, "predict", "char_rnn", *words, "--runs-dir", runs)
    assert [one["next"] for one in told["predictions"]] == [*text[:3]]
    assert [one["text"] for one in told["predictions"]] == [word.lower() for word in words]
    for one in told["predictions"]:
        assert sum(one["probabilities"].values()) == pytest.approx(1)
        assert max(one["probabilities"].values()) == one["probability"]
    assert repr(text[0]) in human
    _, told, human = call(capsys, "predict", "char_rnn", "--count", "3", "--runs-dir", runs)
    right = sum(one["next"] == one["truth"] for one in told["predictions"])
    assert f"{right} of 3 right" in human and len(told["predictions"][0]["text"]) == 100
    assert main(["predict", "char_rnn", "na\u00efve", "--runs-dir", runs]) == Exit.MISTAKE
    assert "never seen: '\u00ef'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--prompt", ""), "--prompt is empty"),
        (("--prompt", "na\u00efve \u2603"), "never seen: '\u00ef', '\u2603'"),
        (("--temperature=-1",), "--temperature must be at least 0, not -1"),
        (("--temperature", "nan"), "--temperature nan: a finite number is wanted"),
        (("--top-k=-3",), "--top-k must be at least 0, not -3"),
        (("--top-p", "0"), "--top-p must be above 0 and at most 1, not 0"),
        (("--length", "0"), "--length must be at least 1"),
    ],
)
def test_what_cannot_be_written_is_told(sampled, runs, capsys, options, says):
    assert main(["sample", "char_rnn", "--runs-dir", runs, *options]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_an_experiment_without_text_writes_none(runs, capsys):
    assert call(capsys, "run", "vision/digits_cnn", "--smoke", "--runs-dir", runs)[0] == 0
    assert main(["sample", "digits_cnn", "--runs-dir", runs]) == Exit.MISTAKE
    assert "vision/digits_cnn draws nothing" in capsys.readouterr().err
