"""Plots: the same text each time, no colours and no ids of their own, and the values drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from research.report.plots import Line, move_apart, plot_histogram, plot_lines

STEPS = np.arange(5.0)


def drawn(values=STEPS, **changes):
    lines = [
        Line("a", STEPS, np.asarray(values, float), half=np.full(5, 0.5)),
        Line("b", np.array([4.0]), np.array([1.0]), colour=9, mark=True),
    ]
    return plot_lines(lines, **{"name": "plot", "x_label": "<step> & $x$", **changes})


def test_a_plot_is_the_same_text_each_time_and_well_formed():
    text = drawn()
    assert text == drawn() and text != drawn(values=STEPS + 1)
    root = ElementTree.fromstring(text.replace("<svg", '<svg xmlns:xlink="x"', 1))
    assert "<step> & $x$" in [node.text for node in root.iter() if node.text]


def test_colours_are_the_pages_own():
    text = drawn()
    assert "var(--line-0)" in text and "var(--line-1)" in text and "currentColor" in text
    left = set(re.findall(r"#[0-9a-f]{6}\b", text))
    assert left <= {name for name in left if f'href="{name}' in text}, left


def test_ids_of_different_plots_differ():
    ids = [set(re.findall(r'\bid="([^"]*)"', drawn(name=name))) for name in ("one", "two")]
    assert ids[0] and not ids[0] & ids[1]


def test_large_steps_do_not_run_into_one_another():
    """A plot has room for some forty digits under it."""
    steps = np.linspace(24_832, 199_936, 5)
    text = plot_lines([Line("a", steps, STEPS)], name="plot", x_label="environment steps")
    shown = [found for found in re.findall(r">([0-9]+)</text>", text) if float(found) >= 10_000]
    assert len(shown) >= 3 and sum(map(len, shown)) <= 40


def test_far_apart_positive_values_are_drawn_on_a_logarithmic_axis():
    def labels(text):
        return {found.replace("−", "-") for found in re.findall(r">([^<\s]+)</text>", text)}

    assert {"1", "10", "100"} <= labels(drawn([1, 10, 100, 1000, 10000]))
    linear = labels(drawn([-1, 10, 100, 1000, 10000]))
    assert "10" not in linear and "10000" in linear


@pytest.mark.parametrize("values", [[500.0] * 4, [0.0] * 3, [np.nan] * 3, [1.0, 2.0, np.nan], []])
def test_any_values_make_a_histogram(values):
    text = plot_histogram(np.array([values, values], float), name="h", x_label="return")
    bars = text.count("fill: var(--line-0)")
    assert (bars > 0) == bool(np.isfinite(values).any())


def test_a_line_of_nothing_is_no_error():
    assert "<svg" in plot_lines([Line("a", STEPS, np.full(5, np.nan))], name="n", x_label="step")


def test_names_are_moved_until_none_covers_another():
    apart = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 3.0]])
    np.testing.assert_array_equal(move_apart(apart, np.ones(3)), apart)
    drawn = np.random.default_rng(0)
    places, widths = drawn.normal(scale=0.3, size=(10, 2)), drawn.uniform(0.3, 0.8, 10)
    places[1] = places[0]

    def covered(places):
        across, up = np.moveaxis(np.abs(places[:, None] - places), 2, 0)
        beside = 0.5 * (widths[:, None] + widths)
        return np.triu((across < beside) & (up < 0.17 * 0.99), 1).sum()

    assert covered(places) > 5, "the control: names as they lie"
    moved = move_apart(places, widths)
    assert covered(moved) == 0
    np.testing.assert_array_equal(moved[:, 0], places[:, 0])
