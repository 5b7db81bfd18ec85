"""Artifacts as parts of a page."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from research.engine.artifacts import (
    Animation,
    Artifact,
    Confusion,
    Graph,
    Histogram,
    Images,
    Lines,
    Passages,
    Points,
    Sound,
)
from research.report import pictures, plots
from research.report.graphs import draw_graph
from research.report.group_plots import Key
from research.report.plots import Line
from research.report.sounds import spell_wav
from research.runs.run import Frames
from research.runs.spelling import spell_figure

WIDE = 3
"""Images so many times as wide as high stand in two columns, not in eight."""


class Cell(NamedTuple):
    """A cell of a confusion matrix.

    Attributes:
        examples: how many.
        share: in hundredths of the row.
        right: whether it is on the diagonal.
    """

    examples: int
    share: int
    right: bool


class Card(NamedTuple):
    """An artifact as the template shows it.

    Attributes:
        kind: which part of the template shows it; `problem` where it cannot be drawn.
        title: its title.
        note: a sentence under it, or "".
        content: what that part needs, by name.
    """

    kind: str
    title: str
    note: str
    content: dict[str, Any]


def draw(artifact: Artifact | Frames, salt: str) -> Card:
    """An artifact as a card. What cannot be drawn, being damaged, is a card that says so.

    Args:
        artifact: what to draw.
        salt: tells its plots' ids from those of others on the page.
    """
    if isinstance(artifact, Frames):
        return _film(artifact, salt)
    makers: dict[type, Any] = {
        Images: _images,
        Confusion: _confusion,
        Lines: _lines,
        Histogram: _histogram,
        Points: _points,
        Animation: _animation,
        Passages: _passages,
        Sound: _sound,
        Graph: _graph,
    }
    try:
        content = makers[type(artifact)](artifact, salt)
    except Exception as error:
        # Whatever its file holds, the rest of the page is worth having.
        reason = f"It cannot be drawn ({type(error).__name__}: {error})."
        return Card("problem", str(artifact.title), reason, {})
    return Card(type(artifact).__name__.lower(), artifact.title, artifact.note, content)


def _film(course: Frames, salt: str) -> Card:
    """All frames, of which a page shows one at a time; of pictures a strip of three besides."""
    cards = [draw(frame, f"{salt}-{step}") for step, frame in zip(*course[1:], strict=True)]
    labels = [f"step {step:,}" for step in course.steps]
    for card, label in zip(cards, labels, strict=True):
        if "alt" in card.content:
            card.content["alt"] = f"{label}: {card.content['alt']}"
    ends = sorted({0, len(cards) // 2, len(cards) - 1})
    strip = len(cards) > 1 and all(card.content.get("sheet") for card in cards)
    content = {
        "frames": list(zip(labels, cards, strict=True)),
        "strip": [(labels[at], cards[at]) for at in ends] if strip else [],
        "of": f"{cards[-1].kind}{' captioned' if cards[-1].content.get('images') else ''}",
    }
    return Card("film", course.title, cards[-1].note, content)


def _images(artifact: Images, _: str) -> dict[str, Any]:
    height, width = artifact.images.shape[1:3]
    if not artifact.captions:
        return {
            "sheet": pictures.draw_sheet(artifact),
            "alt": f"{artifact.title}: {len(artifact.images)} images of {height} × {width} pixels",
            "images": [],
        }
    drawn = pictures.draw_images(artifact)
    wrong = artifact.wrong or (False,) * len(drawn)
    each = list(zip(drawn, artifact.captions, wrong, strict=True))
    return {"sheet": None, "images": each, "wide": width >= WIDE * height}


def _confusion(artifact: Confusion, _: str) -> dict[str, Any]:
    table = np.asarray(artifact.counts).tolist()
    shares = pictures.shades(table)
    rows = []
    for number, (name, counts) in enumerate(zip(artifact.classes, table, strict=True)):
        cells = [
            Cell(int(count), shares[number][place], place == number)
            for place, count in enumerate(counts)
        ]
        total = sum(counts)
        recall = f"{100 * counts[number] / total:.1f} %" if total else "–"
        rows.append((name, cells, recall))
    upright = max(map(len, artifact.classes)) > 3
    return {"classes": list(artifact.classes), "rows": rows, "upright": upright}


def _lines(artifact: Lines, salt: str) -> dict[str, Any]:
    panels = []
    titles = artifact.panels or ("",) * len(artifact.y)
    count = len(artifact.names)
    # The first is the ground for the others: dots behind them.
    looks = [
        Key(name, n, 0, n == 0 and count > 1, n == 0 and count > 1)
        for n, name in enumerate(artifact.names)
    ]
    for number, (title, panel) in enumerate(zip(titles, artifact.y, strict=True)):
        lines = [
            Line(look.name, artifact.x, values.astype(float), None, look.colour, 0, look.mark,
                 look.faint)
            for look, values in zip(looks, panel, strict=True)
        ]  # fmt: skip
        svg = plots.plot_lines(
            lines, name=f"{salt}-{number}", x_label=artifact.x_label, title=title, size=(4.4, 2.1)
        )
        panels.append((svg, f"{title}: {', '.join(artifact.names)} by {artifact.x_label}"))
    return {"legend": looks, "panels": panels}


def _histogram(artifact: Histogram, salt: str) -> dict[str, Any]:
    legend, words = [], []
    for number, (name, values) in enumerate(zip(artifact.names, artifact.values, strict=True)):
        known = values[np.isfinite(values)]
        legend.append(Key(name, number, 0, True, False))
        if len(known):
            words.append(
                f"{name}: {len(known)} values from {spell_figure(float(known.min()))} to "
                f"{spell_figure(float(known.max()))}, mean {spell_figure(float(known.mean()))}"
            )
    svg = plots.plot_histogram(artifact.values, name=salt, x_label=artifact.x_label)
    return {"legend": legend, "svg": svg, "alt": "; ".join(words), "words": words}


def _points(artifact: Points, salt: str) -> dict[str, Any]:
    panels = []
    for number, (title, places) in enumerate(zip(artifact.panels, artifact.places, strict=True)):
        svg = plots.plot_points(
            places, artifact.label, artifact.classes, name=f"{salt}-{number}", title=title
        )
        words = f"{title}: {len(places)} points of {len(artifact.classes)} classes"
        panels.append((svg, words))
    return {"legend": [], "panels": panels}


def _passages(artifact: Passages, _: str) -> dict[str, Any]:
    captions = artifact.captions or ("",) * len(artifact.texts)
    columns = map(has_columns, artifact.texts)
    return {"passages": list(zip(captions, artifact.texts, columns, strict=True))}


def has_columns(text: str) -> bool:
    """Whether most lines have words far apart, as a table's have: such lines are not broken."""
    lines = text.splitlines()
    return 2 * sum("  " in line.strip() for line in lines) > len(lines) > 1


def _animation(artifact: Animation, _: str) -> dict[str, Any]:
    seconds = len(artifact.frames) * artifact.seconds
    return {
        "picture": pictures.draw_animation(artifact),
        "alt": f"{artifact.title}, an animation of {seconds:.1f} seconds. {artifact.note}",
    }


def _sound(artifact: Sound, _: str) -> dict[str, Any]:
    return {"uri": pictures.data_uri("audio/wav", spell_wav(artifact))}


def _graph(artifact: Graph, _: str) -> dict[str, Any]:
    words = f"{artifact.title}: {len(artifact.texts)} steps, {len(artifact.edges)} arrows"
    return {"svg": draw_graph(artifact), "alt": words}
