"""A model of a text of one's own: which run it is, and what using it needs of the text."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from research.cli.main import main
from research.engine import ledger, needs
from research.engine.identity import read_identity
from research.errors import Exit
from tests.cli.test_run_commands import call

pytestmark = pytest.mark.usefixtures("plain_commands")

NAME = "sequence/char_rnn_stateful"
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran")


def a_text(size=9000):
    chance = random.Random(0)
    return " ".join(chance.choice(WORDS) + chance.choice(("", ",", ".\n")) for _ in range(size))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A directory with `a.txt` and a run on it, a few updates long."""
    place = tmp_path_factory.mktemp("own")
    (place / "a.txt").write_text(a_text())
    words = ["run", NAME, "--smoke", "--text", str(place / "a.txt"), "--no-report"]
    assert main([*words, "--runs-dir", str(place / "runs"), "--until", "6"]) == Exit.STOPPED
    return place


@pytest.fixture
def own(trained, tmp_path, monkeypatch):
    """A copy of it, the current directory; the text lies at `a.txt` there."""
    place = tmp_path / "own"
    shutil.copytree(trained, place)
    (run,) = place.glob("runs/*/*/*")
    (run / "files.json").write_text(json.dumps({"text": str(place / "a.txt")}) + "\n")
    monkeypatch.chdir(place)
    return run


def sample(capsys, *more):
    return call(capsys, "sample", "char_rnn", "--length", "60", "--temperature", "0.5", *more)


def exchange(text):
    """Other letters, one for one: the vocabulary and all lengths stay what they were."""
    return text.translate(str.maketrans("abcdeghmnorst", "bcdeghmnorsta"))


CHANGES = {
    "letters exchanged": lambda text: text.write_text(exchange(text.read_text())),
    "letters that no text had": lambda text: text.write_text(text.read_text().replace("t", "z")),
    "grown": lambda text: text.write_text(text.read_text() + "0123456789 !"),
    "moved": lambda text: text.rename("elsewhere.txt"),
    "gone": lambda text: text.unlink(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_model_writes_does_not_depend_on_what_became_of_its_text(own, capsys, what):
    code, before, _ = sample(capsys)
    assert code == 0 and set("".join(before["text"].split())) <= set("".join(WORDS) + ",.")
    CHANGES[what](Path("a.txt"))
    code, after, _ = sample(capsys)
    assert code == 0 and after["text"] == before["text"]


def test_with_other_needs_it_would_write_another_text(own, capsys):
    """Control: what is written does come from `needs.json`; a forged header lets it through."""
    _, before, _ = sample(capsys)
    path = own / "needs.json"
    kept = json.loads(path.read_text())
    kept["vocabulary"]["symbols"] = kept["vocabulary"]["symbols"].translate(
        str.maketrans("at", "ta")
    )
    digest = needs.keep(own, kept)
    code, told, _ = sample(capsys)
    assert code == Exit.DAMAGED and "needs.json" in told["error"] and "resume" in told["error"]
    lines = ledger.read(own / "ledger.jsonl").lines
    (own / "ledger.jsonl").unlink()
    previous = ledger.FIRST
    for line in lines:
        content = {**line.content, "needs": digest} if line.kind == "header" else line.content
        previous = ledger.append(own / "ledger.jsonl", line.kind, content, previous)
    code, after, _ = sample(capsys)
    assert code == 0 and after["text"] != before["text"]
    # The proof notices even that.
    code, told, _ = call(capsys, "verify", "char_rnn")
    assert code == Exit.DIFFERENCE and "other needs" in told["findings"][0]


@pytest.mark.parametrize("damage", [lambda p: p.unlink(), lambda p: p.write_text("{}")])
def test_damaged_needs_are_told_and_made_again_from_the_data(own, capsys, damage):
    before = (own / "needs.json").read_bytes()
    damage(own / "needs.json")
    code, told, _ = sample(capsys)
    assert code == Exit.DAMAGED and "missing or damaged" in told["error"]
    code, told, _ = call(capsys, "verify", "char_rnn")
    assert code == Exit.DIFFERENCE and "needs.json" in told["findings"][0]
    code, _, err = call(capsys, "resume", "char_rnn", "--no-report", "--until", "6")
    assert code == Exit.STOPPED and "written anew from the data" in err
    assert (own / "needs.json").read_bytes() == before
    assert sample(capsys)[0] == 0


def test_a_run_made_before_runs_kept_their_needs_reads_its_text(own, capsys):
    """As it did then; and what its text does not have any more, it cannot know."""
    _, before, _ = sample(capsys)
    lines = ledger.read(own / "ledger.jsonl").lines
    for name in ("ledger.jsonl", "needs.json", "files.json"):
        (own / name).unlink()
    previous = ledger.FIRST
    for line in lines:
        content = dict(line.content)
        if line.kind == "header":
            del content["needs"]
            content["config"] = {**content["config"], "text": "a.txt"}
        previous = ledger.append(own / "ledger.jsonl", line.kind, content, previous)
    code, after, _ = sample(capsys)
    assert code == 0 and after["text"] == before["text"]
    Path("a.txt").unlink()
    code, told, _ = sample(capsys)
    assert code == Exit.MISTAKE and "a.txt cannot be read" in told["error"]


def run_words(path, *more):
    return ("run", NAME, "--smoke", "--text", path, "--no-report", "--until", "6", *more)


@pytest.mark.parametrize(
    "spelling", ["a.txt", "./a.txt", "runs/../a.txt", "absolute", "link", "copy"]
)
def test_a_run_is_the_same_under_another_spelling_of_its_path(own, capsys, spelling):
    path = spelling
    if spelling == "absolute":
        path = str(Path("a.txt").absolute())
    elif spelling == "link":
        path = "link.txt"
        Path(path).symlink_to("a.txt")
    elif spelling == "copy":
        path = "copy.txt"
        shutil.copy("a.txt", path)
        Path("a.txt").unlink()
    code, told, err = call(capsys, *run_words(path))
    assert code == Exit.STOPPED and Path(told["run_dir"]).samefile(own)
    assert "left alone" not in err
    assert json.loads((own / "files.json").read_text()) == {"text": str(Path(path).absolute())}
    assert len([*own.parent.iterdir()]) == 1


def test_another_content_at_the_same_path_is_another_run(own, capsys):
    Path("a.txt").write_text(exchange(Path("a.txt").read_text()))
    code, told, err = call(capsys, *run_words("a.txt"))
    assert code == Exit.STOPPED and not Path(told["run_dir"]).samefile(own)
    assert f"{own.name} learned from a.txt when that held another text" in err
    assert read_identity(own).config["text"] != read_identity(Path(told["run_dir"])).config["text"]


@pytest.mark.parametrize("command", ["resume", "verify"])
def test_who_makes_it_again_is_told_where_the_text_lies(own, capsys, command):
    more = ("--no-report", "--until", "6") if command == "resume" else ()
    done = Exit.STOPPED if command == "resume" else 0
    assert call(capsys, command, "char_rnn", *more)[0] == done
    Path("a.txt").rename("b.txt")
    code, told, _ = call(capsys, command, "char_rnn", *more)
    assert code == Exit.MISTAKE and "is no longer at" in told["error"]
    assert "--text PATH" in told["error"]
    Path("a.txt").write_text(exchange(Path("b.txt").read_text()))
    code, told, _ = call(capsys, command, "char_rnn", *more)
    assert code == Exit.MISTAKE and "its content is another" in told["error"]
    assert call(capsys, command, "char_rnn", "--text", "b.txt", *more)[0] == done
    # `resume` remembers it; `verify` changes nothing.
    again = call(capsys, command, "char_rnn", *more)[0]
    assert again == (done if command == "resume" else Exit.MISTAKE)
