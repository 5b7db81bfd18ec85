"""What a run says of itself at evaluations: the same after a kill, and never at its cost."""

from __future__ import annotations

import pytest

from research.engine import record
from research.engine.loop import Cadence
from research.engine.program import Program
from research.engine.record import Silence
from research.engine.run import StoppedRun
from research.runs.reading import read_run
from tests.engine.toy import ToyFeed, make_toy, run_toy


def say(state, key):
    return f"{float(state.params['b'][0]):.9g} {key.tolist() if hasattr(key, 'tolist') else key}"


class Notes(Silence):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(scope="module")
def program():
    return Program(make_toy()._replace(glimpse=say), ToyFeed())


def test_words_are_kept_at_each_evaluation_and_shown(program, tmp_path):
    run_toy(tmp_path, program)
    said = record.read_glimpses(tmp_path)
    assert list(said) == [20, 40, 60] and len(set(said.values())) == 3
    (shown,) = read_run(tmp_path).artifacts.values()
    assert shown.texts == tuple(said.values())
    assert shown.captions == ("step 20", "step 40", "step 60")


def test_a_run_that_is_stopped_and_saved_elsewhere_says_the_same(program, tmp_path):
    whole = run_toy(tmp_path / "whole", program)
    for until in (25, 45, None):
        try:
            cut = run_toy(tmp_path / "cut", program, cadence=Cadence(7, 20, 11), until=until)
        except StoppedRun:
            continue
    assert cut["digest"] == whole["digest"]
    assert record.read_glimpses(tmp_path / "cut") == record.read_glimpses(tmp_path / "whole")


def test_words_that_cannot_be_said_are_noted_and_the_run_goes_on(tmp_path):
    def fail(state, key):
        raise RuntimeError("no words")

    observer = Notes()
    result = run_toy(
        tmp_path, Program(make_toy()._replace(glimpse=fail), ToyFeed()), observer=observer
    )
    assert result["complete"] and record.read_glimpses(tmp_path) == {}
    assert any("RuntimeError: no words" in note for note in observer.notes)


def test_a_damaged_file_is_read_as_far_as_it_can_be(tmp_path):
    lines = ['{"step": 2, "said": "b"}', "{", '{"step": 1, "said": "a"}', '{"step": "x"}']
    (tmp_path / record.GLIMPSES).write_text("\n".join(lines))
    assert record.read_glimpses(tmp_path) == {1: "a", 2: "b"}
    assert list(record.read_glimpses(tmp_path)) == [1, 2]
