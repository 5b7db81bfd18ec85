"""`predict` on small runs: what it says is what the run was evaluated by."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from research.cli.main import main
from research.data.tfds_split import TfdsSplit
from research.errors import Exit
from research.report.page import make_page
from research.runs.reading import read_run
from tests.cli.test_run_commands import call

pytestmark = pytest.mark.usefixtures("plain_commands")

TRAINED = ("vision/digits_cnn", "sequence/reber_gru", "sequence/naive_ten_steps")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("runs"))
    for name in (*TRAINED, "rl/cartpole_hard_coded", "autodiff/kinks"):
        assert main(["run", name, "--smoke", "--no-report", "--runs-dir", directory]) == 0
    return directory


@pytest.fixture
def predict(runs, capsys):
    """Words -> the JSON that `predict` prints, and what a person reads."""

    def predict(*words):
        code, told, human = call(capsys, "predict", *words, "--runs-dir", runs)
        assert code == 0, human
        return told, human

    return predict


@pytest.mark.parametrize("name", TRAINED[:2])
def test_over_the_whole_test_split_its_accuracy_is_the_recorded_one(predict, runs, name):
    told, human = predict(name.split("/")[1], "--count", "100000")
    made = told["predictions"]
    right = sum(one["label"] == one["class"] for one in made)
    (result,) = Path(runs).glob(f"{name}/*/result.json")
    recorded = json.loads(result.read_text())["metrics"]["test/accuracy"]
    assert np.float32(right / len(made)) == np.float32(recorded)
    assert f"{right:,} of {len(made):,} right" in human
    assert all(sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5) for one in made)
    few, _ = predict(name.split("/")[1])
    assert [one["class"] for one in few["predictions"]] == [one["class"] for one in made[:8]]


def test_the_confusion_matrix_of_the_page_is_a_count_of_the_predictions(predict, runs):
    told, _ = predict("digits_cnn", "--count", "100000")
    classes = [str(digit) for digit in range(10)]
    pairs = [(one["label"], one["class"]) for one in told["predictions"]]
    counted = [[pairs.count((true, taken)) for taken in classes] for true in classes]
    (run,) = Path(runs).glob("vision/digits_cnn/*")
    (section,) = make_page([read_run(run)], {}).sections
    (card,) = (card for card in section.cards if card.kind == "confusion")
    assert [name for name, _, _ in card.content["rows"]] == classes
    assert [[cell.examples for cell in row] for _, row, _ in card.content["rows"]] == counted
    wrong = sum(true != taken for true, taken in pairs)
    assert card.note == f"All {len(pairs)} examples of the test split; {wrong} are mistakes."
    # The control: the smoke run is no perfect one, so that rows and columns are told apart.
    assert counted != [list(column) for column in zip(*counted, strict=True)]


def test_a_digit_saved_as_a_picture_is_predicted_as_the_digit(predict, tmp_path):
    split = TfdsSplit("encore_digits", "test").read(np.arange(3))
    files = []
    for number, image in enumerate(split["image"]):
        large = np.kron(np.uint8(np.rint(image[..., 0] * (255 / 16))), np.ones((10, 10), np.uint8))
        Image.fromarray(large).save(tmp_path / f"{number}.png")
        Image.fromarray(255 - large).save(tmp_path / f"{number}_on_paper.png")
        files += [str(tmp_path / f"{number}.png"), str(tmp_path / f"{number}_on_paper.png")]
    told, human = predict("digits_cnn", *files)
    there, _ = predict("digits_cnn", "--count", "3")
    for number, expected in enumerate(there["predictions"]):
        for own in told["predictions"][2 * number : 2 * number + 2]:
            assert own["probabilities"] == pytest.approx(expected["probabilities"], rel=1e-4)
    assert "note: 0_on_paper.png: 80 x 80 to 8 x 8; inverted" in human
    # The control: upside down it is another picture.
    Image.open(files[0]).rotate(180).save(tmp_path / "turned.png")
    (turned,) = predict("digits_cnn", str(tmp_path / "turned.png"))[0]["predictions"]
    assert turned["probabilities"] != pytest.approx(
        there["predictions"][0]["probabilities"], rel=1e-2
    )


def test_a_text_and_a_series_of_ones_own(predict, tmp_path):
    told, human = predict("reber_gru", "BTBTXSETE", "BTBTXSEPE")
    assert [one["input"] for one in told["predictions"]] == ["BTBTXSETE", "BTBTXSEPE"]
    assert {one["class"] for one in told["predictions"]} <= {"grammatical", "corrupted"}
    assert "BTBTXSEPE" in human and told["split"] is None
    (tmp_path / "own.csv").write_text("\n".join(map(str, range(100))))
    told, human = predict("naive_ten_steps", str(tmp_path / "own.csv"))
    assert told["predictions"][0]["mean"] == [99.0] * 10
    assert "+10" in human and "the last 12 of 100 rows" in human


def test_the_last_window_of_a_split_with_what_came(predict):
    told, human = predict("naive_ten_steps", "--split", "validation")
    (one,) = told["predictions"]
    assert one["input"] == "validation 1999" and len(one["truth"]) == 10 and "came" in human


def test_a_policy_shows_its_first_steps_and_acts_on_observations_of_ones_own(predict, tmp_path):
    told, human = predict("cartpole_hard", "--count", "3")
    assert [one["input"] for one in told["predictions"]] == ["step 0", "step 1", "step 2"]
    # The rule pushes to where the pole leans.
    leans = [one["observation"][2] >= 0 for one in told["predictions"]]
    assert [one["name"] == "right" for one in told["predictions"]] == leans
    assert told["split"] is None and "probability" in human
    (tmp_path / "leaning.json").write_text("[0, 0, -0.1, 0]")
    own, human = predict("cartpole_hard", "0,0,0.1,0", str(tmp_path / "leaning.json"))
    assert [one["name"] for one in own["predictions"]] == ["right", "left"]
    assert own["predictions"][0]["probabilities"] == {"right": 1.0, "left": 0.0}
    assert own["predictions"][1]["action"] == 0 and "leaning.json" in human
    again = predict("cartpole_hard", json.dumps(told["predictions"][1]["observation"]))[0]
    assert again["predictions"][0] == told["predictions"][1] | {
        "input": json.dumps(told["predictions"][1]["observation"])
    }


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("digits_cnn", "gone.png"), "there is no file gone.png; this model takes a picture"),
        (("reber_gru", "BXA"), "'BXA' is not a string of 1 to 50 of the letters B, E, P"),
        (("digits_cnn", "a.png", "--count", "3"), "choose examples where no INPUT is given"),
        (("digits_cnn", "--split", "tset"), "--split is one of those evaluated"),
        (("digits_cnn", "--count", "0"), "--count must be at least 1, not 0"),
        (("digits_cnn", "--member", "0"), "--member: this is a run of one seed"),
        (("kinks", "1"), "autodiff/kinks predicts nothing from inputs of one's own"),
        (("cartpole_hard", "[1, 2]"), "[1, 2] has 2 numbers; this model takes an observation of"),
        (("cartpole_hard", "--split", "test"), "this policy learned from none"),
        ((), "RUN is missing"),
    ],
)
def test_what_cannot_be_predicted_is_told(runs, capsys, words, says):
    assert main(["predict", *words, "--runs-dir", runs]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err
