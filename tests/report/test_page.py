"""The page: self-contained, escaped, whole, and the same each time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from research.engine.artifacts import (
    Animation,
    Confusion,
    Graph,
    Histogram,
    Images,
    Lines,
    Passages,
    Points,
    Sound,
    write,
)
from research.engine.directory import GLIMPSES
from research.engine.record import spell_glimpse
from research.options.catalog import ROOT
from research.report.cards import has_columns
from research.report.page import About, ledger_facts, make_page, render, write_report
from research.runs.reading import read_run
from tests.runs.fabricate import make_run

EVIL = '<script>alert("1")</script>&\'$x^2$'
VOID = {"meta", "img", "br", "source", "input", "line", "path", "use", "rect"}


class Seen(HTMLParser):
    """Elements, attributes and text of a page; and whether every element is closed in its place."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.links, self.ids, self.text, self.styles = [], [], [], [], []
        self.attributes, self._open = [], []
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        for name, value in attributes:
            self.attributes.append((tag, name, value))
            if name in ("src", "href", "srcset", "xlink:href", "action", "data"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID or tag == "path":
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_endtag(self, tag):
        if tag in VOID and tag != "path":
            return
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data):
        inside = self._open[-1:] == ["style"]
        (self.styles if inside else self.text).append(data)


def artifacts():
    return {
        "images": Images(EVIL, np.zeros((2, 3, 3)), 0.0, 1.0, (EVIL, "b"), (True, False)),
        "sheet": Images("s", np.zeros((9, 3, 3)), -1.0, 1.0, signed=True, note=EVIL),
        "confusion": Confusion("c", np.int64([[3, 1], [0, 2]]), (EVIL, "b")),
        "lines": Lines("l", np.arange(3.0), np.ones((1, 2, 3)), (EVIL, "q"), EVIL, (EVIL,)),
        "histogram": Histogram("h", np.ones((1, 4)), (EVIL,), EVIL),
        "points": Points("p", np.ones((1, 2, 2)), np.int64([0, 9]), (EVIL,) * 10, (EVIL,)),
        "animation": Animation(EVIL, np.zeros((2, 3, 3), np.uint8), np.uint8([[1, 2, 3]]), 0.1),
        "passages": Passages(EVIL, (EVIL, "  two\n lines"), ("a", EVIL), EVIL),
        "sound": Sound(EVIL, np.int16([0, 1, -1]), 8_000, EVIL),
        "graph": Graph(EVIL, (EVIL, f"v1\n{EVIL}"), np.int64([[0, 1]]), EVIL),
    }


@pytest.fixture
def evil(make, tmp_path):
    config = {"title": EVIL, EVIL: 1, "learning_rate": 0.1}
    reports = {1: {f"train/{EVIL}": 1.0}, 2: {f"train/{EVIL}": 2.0, EVIL: 3.0}}
    metrics = {f"test/{EVIL}": EVIL}
    directory = make(tmp_path, config=config, experiment=EVIL.replace("/", "|"),
                     reports=reports, metrics=metrics, name="evil")  # fmt: skip
    write(directory / "artifacts", artifacts())
    return directory


def html_of(*directories, about=None):
    return render(make_page([read_run(directory) for directory in directories], about or {}))


def assert_self_contained(text):
    seen = Seen(text)
    assert "link" not in seen.elements
    assert not [link for link in seen.links if not link.startswith(("data:", "#"))]
    assert not [name for _, name, _ in seen.attributes if name.startswith("on")]
    styles = "".join(seen.styles)
    assert "@import" not in styles
    assert not [url for url in re.findall(r"url\(([^)]*)\)", text) if not url.startswith("#")]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert seen.elements.count("script") == text.count("<script") == len(scripts) <= 1
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert policy.endswith(f"; script-src 'sha256-{digest}'"), "no browser would run it"
    return seen


def test_what_runs_hold_is_text_and_never_markup(evil):
    about = {EVIL.replace("/", "|"): About(EVIL, EVIL)}
    text = html_of(evil, about=about)
    seen = assert_self_contained(text)
    assert "<script" not in text and text.count("&lt;script&gt;") > 10
    assert EVIL in "".join(seen.text), "and it is shown as it is"


def test_the_check_itself_sees_what_it_is_for(evil):
    text = html_of(evil)
    for bad in ('<script src="x.js"></script>', "<script>alert(1)</script>", '<img src="https://example.org/a.png">',
                '<p onclick="x">a</p>', '<div style="background: url(a.png)"></div>'):  # fmt: skip
        with pytest.raises(AssertionError):
            assert_self_contained(text.replace("</main>", f"{bad}</main>"))


def test_a_page_is_the_same_each_time_and_its_ids_stand_once(evil):
    text = html_of(evil)
    assert text == html_of(evil)
    ids = Seen(text).ids
    assert len(ids) == len(set(ids)) > 5
    for target in re.findall(r'(?:xlink:href="|url\()#([^")]*)', text):
        assert target in ids


def test_every_picture_has_words_beside_it(evil):
    seen = Seen(html_of(evil))
    pictures = sum(element == "img" for element in seen.elements)
    words = [value for tag, name, value in seen.attributes if (tag, name) == ("img", "alt")]
    assert pictures == len(words) == 4 and all(words)
    plots = [tag for tag, name, value in seen.attributes if (name, value) == ("class", "plot")]
    labels = [value for tag, name, value in seen.attributes if name == "aria-label"]
    assert len(plots) == 4 and len(labels) >= 4 and all(labels)


def keep(directory, glimpses):
    (directory / GLIMPSES).mkdir()
    for step, glimpse in glimpses.items():
        suffix, content = spell_glimpse(glimpse)
        (directory / GLIMPSES / f"{step}{suffix}").write_bytes(content)
    return directory


def frames_of(text):
    return re.findall(r'<div class="frame" data-label="([^"]*)"( hidden)?>', text)


def test_pictures_of_a_training_are_frames_with_a_slider_and_a_strip(evil):
    pictures = {
        step: Images(EVIL, np.full((3, 4, 5), step / 4000), 0.0, 1.0)
        for step in (10, 200, 1000, 2000)
    }
    text = html_of(keep(evil, pictures))
    seen = assert_self_contained(text)
    assert text == html_of(evil) and len(seen.ids) == len(set(seen.ids))
    assert EVIL in "".join(seen.text) and text.count("<script") == 1
    # Without its script the page shows the last frame and the strip, and no control.
    labels = ["step 10", "step 200", "step 1,000", "step 2,000"]
    assert frames_of(text) == [(label, " hidden") for label in labels[:-1]] + [(labels[-1], "")]
    assert '<div class="player" hidden>' in text
    assert ("input", "max", "3") in seen.attributes
    (strip,) = re.findall(r'<ol class="strip">(.*?)</ol>', text, re.DOTALL)
    assert re.findall(r"<span>(.*?)</span>", strip) == ["step 10", "step 1,000", "step 2,000"]
    words = [value for tag, name, value in seen.attributes if (tag, name) == ("img", "alt")]
    for label in labels:
        assert f"{label}: {EVIL}: 3 images of 4 × 5 pixels" in words
    with pytest.raises(AssertionError, match="no browser would run it"):
        assert_self_contained(text.replace('"use strict"', "alert(1)"))


def test_tables_and_lines_of_a_training_have_the_slider_alone(make, tmp_path):
    table = Confusion("Table", np.int64([[3, 1], [0, 2]]), ("a", "b"))
    lines = Lines("l", np.arange(3.0), np.ones((1, 2, 3)), ("p", "q"), "x")
    for number, glimpse in enumerate((table, lines)):
        text = html_of(keep(make(tmp_path, seed=number), {5: glimpse, 10: glimpse}))
        seen = assert_self_contained(text)
        assert frames_of(text) == [("step 5", " hidden"), ("step 10", "")]
        assert "player" in text and '"strip"' not in text
        assert len(seen.ids) == len(set(seen.ids))


def test_one_frame_has_no_control_and_texts_stand_below_one_another(make, tmp_path):
    one = html_of(keep(make(tmp_path, seed=0), {5: np.zeros((2, 2), np.uint8)}))
    assert frames_of(one) == [("step 5", "")] and '"player"' not in one and "step 5" in one
    texts = html_of(keep(make(tmp_path, seed=1), {5: "abc", 10: EVIL}))
    seen = assert_self_contained(texts)
    assert not frames_of(texts) and {"abc", EVIL, "step 10"} <= set(seen.text)
    assert "<script" not in texts


def test_a_frame_that_cannot_be_drawn_costs_only_itself(make, tmp_path):
    good = Confusion("Table", np.int64([[3, 1], [0, 2]]), ("a", "b"))
    text = html_of(keep(make(tmp_path), {5: good._replace(classes=("a",)), 10: good}))
    assert_self_contained(text)
    assert len(frames_of(text)) == 2 and text.count("It cannot be drawn (") == 1


def test_a_recorded_run_shows_its_figures_and_its_proof(tmp_path):
    (directory,) = (ROOT / "records/vision/digits_cnn").glob("*-s0")
    run = read_run(directory)
    figures = json.loads((directory / "result.json").read_text())["metrics"]
    accuracy, loss = (f"{figures[f'test/{name}']:.4g}" for name in ("accuracy", "loss"))
    about = {run.experiment: About("A net.", "test accuracy .98")}
    write_report([directory], tmp_path / "page.html", about)
    text = (tmp_path / "page.html").read_text()
    assert_self_contained(text)
    assert f"<title>vision/digits_cnn: test accuracy {accuracy}</title>" in text
    shown = "".join(Seen(text).text)
    for words in (accuracy, loss, "0.003", "label-smoothing", run.digest, run.chain.last,
                  "max_isa=AVX2", "whole", "A net.", "test accuracy .98"):  # fmt: skip
        assert words in shown, words


def test_several_runs_are_compared_and_what_differs_stands_out(make, tmp_path):
    runs = [make(tmp_path, seed=seed) for seed in (0, 1, 2)]
    other = {"learning_rate": 0.2, "widths": [8, 16], "title": "plain"}
    runs.append(make(tmp_path, config=other))
    text = html_of(*runs)
    assert_self_contained(text)
    page = make_page([read_run(run) for run in runs], {})
    assert [(h.label, h.figure) for h in page.headlines] == [
        ("learning-rate 0.1", "0.510 ± 0.025"), ("learning-rate 0.2", "0.5"),
    ]  # fmt: skip
    assert [row.name for row in page.config.rows if row.marked] == ["learning-rate"]
    assert page.config.rows[0].cells == ["0.1", "0.2"]
    assert any(plot.banded for plot in page.plots)
    assert len(page.members.rows) == 4
    alone = make_page([read_run(runs[0])], {})
    assert not any(plot.banded for plot in alone.plots) and alone.members is None
    assert not [row for row in alone.config.rows if row.marked]


def test_an_artifact_that_cannot_be_drawn_makes_a_poorer_page(make, tmp_path):
    directory = make(tmp_path)
    broken = artifacts() | {"broken": Confusion("wrong", np.zeros(3), ("a",))}
    write(directory / "artifacts", broken)
    text = html_of(directory)
    assert "It cannot be drawn" in text and "wrong" in text
    (section,) = make_page([read_run(directory)], {}).sections
    assert [card.kind for card in section.cards] == [
        "images", "images", "confusion", "lines", "histogram", "points", "animation", "passages",
        "sound", "graph", "problem",
    ]  # fmt: skip


def test_a_run_that_only_just_began_has_a_page(make, tmp_path):
    directory = make(tmp_path, reports={}, complete=False)
    text = html_of(directory)
    assert "not complete" in text and "None yet" in text


def test_a_record_from_before_headlines_shows_the_figure_that_its_experiment_expects():
    (directory,) = (ROOT / "records/sequence/ridership_rnn").glob("*")
    run = read_run(directory)
    assert not run.headline
    about = {run.experiment: About("", "validation mae 26,900 (29,015), test 96,000")}
    assert make_page([run], about).metric == "validation mae"
    assert make_page([run], {}).metric == "test mse"  # control: the rule of all
    named = run._replace(headline="test/mae")
    assert make_page([named], about).metric == "test mae"


def test_a_table_is_scrolled_on_a_narrow_page_and_words_are_broken():
    assert has_columns("     NumPy  JAX\nx[0]  IndexError  2\nx[1]  1  1")
    assert not has_columns("To be, or not to be:\n  that is the question.")
    assert not has_columns("one  line") and not has_columns("")


def test_what_steps_waited_for_stands_where_it_matters(tmp_path):
    run = make_run(tmp_path, result={"test/accuracy": 0.5})
    assert "waited" not in ledger_facts(read_run(run))
    waited = {
        "share_after_first": 0.4, "slowest": "map", "remedy": "map less",
        "stages": {"read": 0.5, "map": 4.5, "first": 1.0},
    }  # fmt: skip
    written = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(written | {"waited": waited}))
    words = "40 % of the time for data (read 0.5 s, map 4.5 s): map less"
    assert ledger_facts(read_run(run))["waited"] == words
