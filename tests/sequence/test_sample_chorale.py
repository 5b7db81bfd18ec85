"""`sample` of a net that has hardly learned: the files that it writes, and their chords."""

from __future__ import annotations

import io

import numpy as np
import pytest
from scipy.io import wavfile

from research.cli.main import main
from research.errors import Exit
from research.sequence.chorales import composition
from research.sequence.chorales.chords import spell_note
from research.sequence.chorales.sound import SECONDS
from tests.cli.test_run_commands import call
from tests.sequence.chorales import made_up
from tests.sequence.test_chorale_sound import chords_of

pytestmark = pytest.mark.usefixtures("plain_commands")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composition, "read_chorales", made_up)
        assert main(["run", "bach_chorales", "--smoke", "--runs-dir", place]) == 0
    return place


@pytest.fixture
def sampled(runs, capsys, monkeypatch):
    """Options -> the JSON that `sample` prints, and what a person sees of it."""

    def unread(split):
        raise AssertionError("the data was read")

    monkeypatch.setattr(composition, "read_chorales", unread)

    def sample(*options):
        code, told, human = call(capsys, "sample", "bach_chorales", "--runs-dir", runs, *options)
        assert code == 0
        return told, human

    return sample


def test_music_is_written_twice_and_its_chords_are_printed(sampled, tmp_path):
    to = tmp_path / "mine.mid"
    told, human = sampled("--to", str(to), "--length", "20", "--prompt", "C5 G4 E4 C3; D5 A4 F4 D3")
    chords = np.array(told["chords"])
    assert chords.shape == (28, 4) and told["prompt"] == chords[:8].tolist()
    assert chords[:8].tolist() == 4 * [[72, 67, 64, 48]] + 4 * [[74, 69, 65, 50]]
    np.testing.assert_array_equal(chords_of(to.read_bytes())[0], chords)
    rate, samples = wavfile.read(io.BytesIO(to.with_suffix(".wav").read_bytes()))
    assert samples.dtype == np.int16 and len(samples) / rate == pytest.approx(28 * SECONDS, abs=0.1)
    assert told["midi"] == str(to) and told["wav"] == str(tmp_path / "mine.wav")
    rows = [line.split() for line in human.splitlines()]
    assert ["0", "C5", "G4", "E4", "C3", "4", "prompt"] in rows
    assert ["1", "D5", "A4", "F4", "D3", "4", "prompt"] in rows


def test_music_is_that_of_its_seed_and_lies_in_the_run(sampled, runs):
    one, _ = sampled("--length", "10", "--seed", "3")
    assert one["midi"].startswith(runs) and one["midi"].endswith("chorale.mid")
    assert sampled("--length", "10", "--seed", "3")[0]["chords"] == one["chords"]
    longer, _ = sampled("--length", "40", "--seed", "3")
    assert longer["chords"][:11] == one["chords"] and len(longer["chords"]) == 41
    assert sampled("--length", "10", "--seed", "4")[0]["chords"] != one["chords"]


def test_a_file_of_chords_is_gone_on_from(sampled, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("note0,note1,note2,note3\n72,67,64,48\n72,67,64,50\n")
    told, _ = sampled("--prompt", str(path), "--length", "4", "--to", str(tmp_path / "x.wav"))
    assert told["chords"][:2] == [[72, 67, 64, 48], [72, 67, 64, 50]] and len(told["chords"]) == 6
    assert (tmp_path / "x.mid").exists() and (tmp_path / "x.wav").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--prompt", "C5 G4 E4 C3; D5 A4"), "--prompt: chord 2, 'D5 A4': 2 notes"),
        (("--prompt", "C5 G4 E4 C1"), "the bass of chord 1, C5 G4 E4 C1, is out of reach"),
        (("--prompt", "no.csv"), "no.csv cannot be read"),
        (("--to", "mine.mp3"), "--to mine.mp3: music is written as FILE.mid and FILE.wav"),
        (("--to", "nowhere/mine.mid"), "there is no folder nowhere"),
        (("--grid", "2x2"), "--grid is not for sequence/bach_chorales"),
    ],
)
def test_what_cannot_be_composed_is_told(runs, capsys, options, says):
    assert main(["sample", "bach_chorales", "--runs-dir", runs, *options]) == Exit.MISTAKE
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_predict_says_which_note_comes_next(sampled, runs, capsys):
    prompt = "C5 G4 E4 C3; D5 A4 F4 D3"
    told, _ = sampled("--length", "1", "--temperature", "0", "--prompt", prompt)
    _, made, _ = call(capsys, "predict", "bach_chorales", prompt, "--runs-dir", runs)
    (one,) = made["predictions"]
    assert one["next"] == spell_note(told["chords"][8][0])
    assert one["text"] == " ".join(4 * ["C5 G4 E4 C3"] + 4 * ["D5 A4 F4 D3"])
    assert main(["predict", "bach_chorales", "C5 G4", "--runs-dir", runs]) == Exit.MISTAKE
    assert "chord 1, 'C5 G4': 2 notes" in capsys.readouterr().err
