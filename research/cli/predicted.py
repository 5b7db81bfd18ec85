"""Predictions of each kind as a table for people, and the same as JSON values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np

from research.options.terminal import Column, print_table
from research.prediction import (
    Actions,
    Classes,
    Kind,
    Pictures,
    Quantities,
    Tokens,
    Translations,
    Values,
)
from research.runs.spelling import spell_figure

NEXT = 2
"""What is shown beside the most probable."""
TAIL = 32
"""Characters, or notes, of what was read that a table has room for."""
FEW = 8
"""Numbers of an observation that a table has room for."""


class Predicted(NamedTuple):
    """One input with what was made of it.

    Attributes:
        name: what a table calls it.
        inputs: name -> array `[...]`, without the axis of the batch.
        outputs: name -> array `[...]`, likewise; after the last step of several.
        truth: the label, the values or tokens that came; None of an input of a user's own.
        note: what was done to it, or "".
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    truth: Any = None
    note: str = ""


Rows = list[dict[str, Any]]


def show(kind: Kind, made: Sequence[Predicted], file: TextIO) -> Rows:
    """Print a row, or some, for each input, at least one; the same as JSON values."""
    of_kind: Callable[[Any, Sequence[Predicted], TextIO], Rows] = TABLES[type(kind)]
    rows = of_kind(kind, made, file)
    for one, row in zip(made, rows, strict=True):
        if one.note:
            row["note"] = one.note
            print(f"note: {one.name}: {one.note}", file=file)
    return rows


def _show_classes(outputs: Classes, made: Sequence[Predicted], file: TextIO) -> Rows:
    names = outputs.names()
    rows: Rows = []
    for one in made:
        found = _ranked(names, one.outputs["probability"])
        label = {} if one.truth is None else {"label": names[int(one.truth)]}
        rows.append({"input": one.name, **label, "class": next(iter(found)), **_probable(found)})
    right = [row.get("label", row["class"]) == row["class"] for row in rows]
    known = made[0].truth is not None
    labels = [Column("label", [row["label"] for row in rows])] if known else []
    columns = [_inputs(rows), *labels, _chosen("class", rows, right), *_probabilities(rows)]
    print_table(columns, file)
    _count_right(right, known, file)
    return rows


def _show_values(outputs: Values, made: Sequence[Predicted], file: TextIO) -> Rows:
    rows: Rows = []
    for one in made:
        truth = {} if one.truth is None else {"truth": one.truth}
        ahead = {
            name: [float(value) for value in values[-outputs.horizon :]]
            for name, values in {**one.outputs, **truth}.items()
        }
        rows.append({"input": one.name, **ahead})
    steps = range(outputs.horizon)
    titles = {"mean": outputs.name, "low": "from", "high": "to", "truth": "came"}
    columns = [
        Column("input", [row["input"] for row in rows for _ in steps], flexible=True),
        Column("step", [f"+{1 + step}" for _ in rows for step in steps], right=True),
    ]
    columns += [
        Column(title, [_value(row[name][step]) for row in rows for step in steps], right=True)
        for name, title in titles.items()
        if name in rows[0]
    ]
    print_table(columns, file)
    return rows


def _show_quantities(outputs: Quantities, made: Sequence[Predicted], file: TextIO) -> Rows:
    rows: Rows = []
    for one in made:
        found = {"mean": one.outputs["mean"].tolist()}
        truth = {} if one.truth is None else {"truth": np.asarray(one.truth).tolist()}
        rows.append({"input": one.name, "names": [*outputs.names], **found, **truth})
    columns = [_inputs(rows)]
    for place, name in enumerate(outputs.names):
        for title, key in ((name, "mean"), ("true", "truth")):
            if key in rows[0]:
                cells = [_value(row[key][place]) for row in rows]
                columns.append(Column(title, cells, right=True))
    print_table(columns, file)
    return rows


def _show_actions(outputs: Actions, made: Sequence[Predicted], file: TextIO) -> Rows:
    print(f"{outputs.environment}, most probable actions", file=file)
    rows: Rows = []
    for one in made:
        row = {"input": one.name, "observation": one.inputs["observation"].tolist()}
        if outputs.names:
            action = int(one.outputs["action"])
            found = _ranked(outputs.names, one.outputs["probability"])
            # Of equals, and of what a search chose, the action is not the first of these.
            name = outputs.names[action]
            found = {name: found.pop(name), **found}
            row |= {"action": action, "name": name, **_probable(found)}
        else:
            row |= {name: values.tolist() for name, values in one.outputs.items() if name in BOUNDS}
        rows.append(row)
    columns = [_inputs(rows)]
    if made[0].inputs["observation"].size <= FEW:
        cells = [_vector(one.inputs["observation"].ravel().tolist()) for one in made]
        columns.append(Column("observation", cells, style="dim", flexible=True))
    if outputs.names:
        columns += [_chosen("action", rows, (), "name"), *_probabilities(rows)]
    else:
        columns += [
            Column(title, [_vector(row[name]) for row in rows], right=True)
            for name, title in BOUNDS.items()
        ]
    print_table(columns, file)
    return rows


BOUNDS = {"action": "action", "low": "from", "high": "to"}
"""Outputs of a policy of vectors -> their headings."""


def _show_tokens(outputs: Tokens, made: Sequence[Predicted], file: TextIO) -> Rows:
    spell = repr if outputs.unit == "characters" else str
    joint = "" if outputs.unit == "characters" else " "
    rows: Rows = []
    for one in made:
        logits = one.outputs["logits"].astype(np.float64)
        weights = np.exp(logits - logits.max())
        found = _ranked(outputs.symbols, weights / weights.sum())
        truth = {} if one.truth is None else {"truth": outputs.symbols[int(one.truth)]}
        read = joint.join(outputs.symbols[token] for token in one.inputs["token"].tolist())
        rows.append(
            {
                "input": one.name,
                "text": read,
                **truth,
                "next": next(iter(found)),
                **_probable(found),
            }
        )
    right = [row.get("truth", row["next"]) == row["next"] for row in rows]
    known = made[0].truth is not None
    columns = [_inputs(rows)]
    if known:
        columns.append(Column("read", [_tail(row["text"], spell) for row in rows], flexible=True))
        columns.append(Column("came", [spell(row["truth"]) for row in rows]))
    columns += [_chosen("likeliest", rows, right, "next", spell), *_probabilities(rows, spell)]
    print_table(columns, file)
    _count_right(right, known, file)
    return rows


def _tail(text: str, spell: Callable[[str], str]) -> str:
    return spell(text if len(text) <= TAIL else f"…{text[1 - TAIL :]}")


def _show_translations(outputs: Translations, made: Sequence[Predicted], file: TextIO) -> Rows:
    rows: Rows = []
    for one in made:
        truth = {} if one.truth is None else {"truth": outputs.target.decode(one.truth)}
        rows.append(
            {
                "input": one.name,
                "text": outputs.source.decode(one.inputs["source"]),
                **truth,
                "translation": outputs.target.decode(one.outputs["tokens"]),
            }
        )
    right = [row.get("truth", row["translation"]) == row["translation"] for row in rows]
    known = made[0].truth is not None
    columns = [_inputs(rows)]
    if known:
        columns.append(Column("text", [row["text"] for row in rows], flexible=True))
        columns.append(Column("true", [row["truth"] for row in rows], flexible=True))
    columns.append(_chosen("translation", rows, right))
    print_table(columns, file)
    _count_right(right, known, file, "as the true one")
    return rows


def _show_pictures(outputs: Pictures, made: Sequence[Predicted], file: TextIO) -> Rows:
    rows: Rows = []
    for one in made:
        given = one.inputs["image"].astype(np.float64) / outputs.white
        error = float(np.mean(np.square(one.outputs["image"] - given)))
        rows.append(
            {"input": one.name, "squared_error": error, "image": one.outputs["image"].tolist()}
        )
    errors = [spell_figure(row["squared_error"]) for row in rows]
    print_table([_inputs(rows), Column("squared error", errors, right=True)], file)
    print("`reconstruct` shows the pictures", file=file)
    return rows


TABLES: dict[type, Callable[[Any, Sequence[Predicted], TextIO], Rows]] = {
    Classes: _show_classes,
    Values: _show_values,
    Quantities: _show_quantities,
    Actions: _show_actions,
    Tokens: _show_tokens,
    Translations: _show_translations,
    Pictures: _show_pictures,
}


def _ranked(names: Sequence[str], probability: np.ndarray) -> dict[str, float]:
    """Name -> its probability, the most probable first, equals in their own order."""
    values = [float(value) for value in probability]
    order = sorted(range(len(names)), key=values.__getitem__, reverse=True)
    return {names[place]: values[place] for place in order}


def _probable(found: Mapping[str, float]) -> dict[str, Any]:
    return {"probability": next(iter(found.values())), "probabilities": found}


def _inputs(rows: Rows) -> Column:
    return Column("input", [row["input"] for row in rows], flexible=True)


def _chosen(
    title: str,
    rows: Rows,
    right: Sequence[bool],
    name: str = "",
    spell: Callable[[str], str] = str,
) -> Column:
    """What is predicted, red where something else is true."""
    styles = ["red" * (not one) for one in right]
    return Column(title, [spell(row[name or title]) for row in rows], styles=styles)


def _probabilities(rows: Rows, spell: Callable[[str], str] = str) -> list[Column]:
    """The largest probability, and what comes next to it."""

    def others(found: dict[str, float]) -> str:
        rest = [*found.items()][1 : 1 + NEXT]
        return ", ".join(f"{spell(name)} {_percent(probability)}" for name, probability in rest)

    return [
        Column("probability", [_percent(row["probability"]) for row in rows], right=True),
        Column("next", [others(row["probabilities"]) for row in rows], style="dim", flexible=True),
    ]


def _count_right(right: Sequence[bool], known: bool, file: TextIO, how: str = "right") -> None:
    if known:
        print(f"{sum(right):,} of {len(right):,} {how}", file=file)


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %"


def _value(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else spell_figure(value)


def _vector(values: Sequence[float]) -> str:
    return " ".join(map(_value, values))
