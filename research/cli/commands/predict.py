"""`predict`: a trained model classifies or forecasts a picture, a text or a series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TextIO

from research.errors import Exit, Mistake
from research.options.command import Argument, Command, Context, Outcome, parse
from research.options.ranges import COUNT
from research.options.terminal import Column, print_table
from research.runs.names import RUN
from research.runs.reported import StateOptions, open_reported
from research.runs.spelling import spell_figure

if TYPE_CHECKING:
    from research.engine.experiment import Experiment
    from research.prediction import Classes, Inputs, Predictor, Values

NEXT = 2
"""Classes shown beside the most probable."""
EXAMPLES = 8
"""Examples of a split that a classifier shows; a forecaster shows one, the last window."""


@dataclass(frozen=True)
class Options(StateOptions):
    """Options of `predict`."""

    split: Annotated[str, "whose examples, where no INPUT is given [test]"] = ""
    count: Annotated[
        int | None, "so many of these: the first, of a series the last [8, of a series 1]", COUNT
    ] = None


class Predicted(NamedTuple):
    """One input with what was made of it.

    Attributes:
        name: what a table calls it.
        outputs: name -> array `[...]`, without the axis of the batch.
        truth: the label, or the values that came; None of an input of a user's own.
        note: what was done to it, or "".
    """

    name: str
    outputs: dict[str, Any]
    truth: Any = None
    note: str = ""


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Predict, and show what is expected of each input."""
    (run, *words), options = parse(COMMAND, tokens)
    if words and (options.split or options.count is not None):
        raise Mistake(
            f"predict: --split and --count choose examples where no INPUT is given; {words[0]} is "
            "one"
        )
    lack = "predicts nothing from inputs of one's own"
    found = open_reported(run, options, context, "predict", lack, with_data=not words)
    predictor: Predictor = found.offer
    split = "" if words else options.split or "test"
    if words:
        own = [predictor.read(word) for word in words]
        inputs: Iterator[tuple[Inputs, Any]] = ((one.inputs, None) for one in own)
        made = [
            one._replace(name=given.name, note=given.note)
            for one, given in zip(_apply(predictor, found.state, inputs), own, strict=True)
        ]
    else:
        made = [*_of_split(found.experiment, found.state, split, options.count)]
    from research.prediction import Classes

    print(f"{found.name}, step {found.step:,}", file=context.human)
    if isinstance(predictor.outputs, Classes):
        predictions = _show_classes(predictor.outputs, made, context.human)
    else:
        predictions = _show_values(predictor.outputs, made, context.human)
    return Outcome({**found.facts, "split": split or None, "predictions": predictions})


def _of_split(
    experiment: Experiment, state: Any, split: str, count: int | None
) -> Iterator[Predicted]:
    """Examples of a split.

    Raises:
        Mistake: it is not one that is evaluated, or its data are not here.
    """
    import numpy as np

    from research.prediction import Classes

    data, predictor = experiment.data, experiment.offers["predict"]
    assert data is not None
    evaluated = dict.fromkeys((*experiment.watched, *experiment.final))
    known = [name for name in evaluated if name in data.splits]
    if split not in known:
        raise Mistake(
            f"predict: --split is one of those evaluated, {', '.join(known)}, not {split}"
        )
    source = data.splits[split]
    first = isinstance(predictor.outputs, Classes)
    wanted = min(len(source), count or (EXAMPLES if first else 1))
    start = 0 if first else len(source) - wanted
    size = data.evaluation_batch_size
    numbers = np.arange(start, start + wanted)
    batches = (
        predictor.split(source.read(numbers[at : at + size])) for at in range(0, wanted, size)
    )
    for number, one in zip(numbers, _apply(predictor, state, batches), strict=True):
        yield one._replace(name=f"{split} {number}")


def _apply(
    predictor: Predictor, state: Any, batches: Iterator[tuple[Inputs, Any]]
) -> Iterator[Predicted]:
    """What is made of each input of some batches, in order."""
    import jax

    apply = jax.jit(predictor.apply)
    for inputs, truth in batches:
        outputs = jax.device_get(apply(state, inputs))
        for row in range(len(next(iter(outputs.values())))):
            yield Predicted(
                "",
                {name: leaf[row] for name, leaf in outputs.items()},
                None if truth is None else truth[row],
            )


def _show_classes(
    outputs: Classes, made: Sequence[Predicted], file: TextIO
) -> list[dict[str, Any]]:
    """Print a row for each input; the same as JSON values."""
    names = outputs.names()
    rows: list[dict[str, Any]] = []
    for one in made:
        probability = [float(value) for value in one.outputs["probability"]]
        order = sorted(range(len(names)), key=probability.__getitem__, reverse=True)
        rows.append(
            {
                "input": one.name,
                **({} if one.truth is None else {"label": names[int(one.truth)]}),
                "class": names[order[0]],
                "probability": probability[order[0]],
                "probabilities": {names[k]: probability[k] for k in order},
                **({"note": one.note} if one.note else {}),
            }
        )
    columns = [Column("input", [each["input"] for each in rows], flexible=True)]
    wrong = [each.get("label", each["class"]) != each["class"] for each in rows]
    if made[0].truth is not None:
        columns.append(Column("label", [each["label"] for each in rows]))
    columns += [
        Column("class", [each["class"] for each in rows], styles=["red" * bad for bad in wrong]),
        Column("probability", [_percent(each["probability"]) for each in rows], right=True),
        Column("next", [_next(each["probabilities"]) for each in rows], style="dim", flexible=True),
    ]
    print_table(columns, file)
    if made[0].truth is not None:
        print(f"{len(rows) - sum(wrong):,} of {len(rows):,} right", file=file)
    _print_notes(made, file)
    return rows


def _next(probabilities: dict[str, float]) -> str:
    rest = [*probabilities.items()][1 : 1 + NEXT]
    return ", ".join(f"{name} {_percent(probability)}" for name, probability in rest)


def _percent(probability: float) -> str:
    return f"{100 * probability:.1f} %"


def _show_values(outputs: Values, made: Sequence[Predicted], file: TextIO) -> list[dict[str, Any]]:
    """Print a row for each step ahead of each input; the same as JSON values."""
    rows: list[dict[str, Any]] = []
    for one in made:
        ahead = {
            name: [float(value) for value in values[-outputs.horizon :]]
            for name, values in one.outputs.items()
        }
        if one.truth is not None:
            ahead["truth"] = [float(value) for value in one.truth[-outputs.horizon :]]
        rows.append({"input": one.name, **ahead, **({"note": one.note} if one.note else {})})
    steps = range(outputs.horizon)
    titles = {"mean": outputs.name, "low": "from", "high": "to", "truth": "came"}
    columns = [
        Column("input", [each["input"] for each in rows for _ in steps], flexible=True),
        Column("step", [f"+{1 + step}" for _ in rows for step in steps], right=True),
    ]
    columns += [
        Column(title, [_value(each[name][step]) for each in rows for step in steps], right=True)
        for name, title in titles.items()
        if name in rows[0]
    ]
    print_table(columns, file)
    _print_notes(made, file)
    return rows


def _value(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else spell_figure(value)


def _print_notes(made: Sequence[Predicted], file: TextIO) -> None:
    for one in made:
        if one.note:
            print(f"note: {one.name}: {one.note}", file=file)


COMMAND = Command(
    name="predict",
    summary="let a trained model classify or forecast what you give it",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, and shows what it makes of each INPUT; without one,
    of a few examples of the test split, beside what is true of them. It computes what the run was
    evaluated by, from the input as you have it to the answer.

    A classifier of pictures takes PNG and JPEG files. The middle is cut out in the shape of its
    data and brought to their size. Where these are grey, as handwritten digits and Fashion-MNIST
    are, so is the picture made, and since they are light on dark, a picture with a light border is
    inverted: dark ink on white paper will do. A note says what was done to each.

    A classifier of texts takes a text in quotes, or a file that holds one, and notes the words that
    it never learned. A forecaster takes a CSV file, FILE.csv or FILE.csv:COLUMN, in the unit of its
    data, and says what follows the last row: where it learned an interval, nine values in ten lie
    within.

    Probabilities are the model's own: it can be just as sure of a picture unlike any that it
    learned from.""",
    arguments=(
        RUN,
        Argument("INPUT", "a file, or a text in quotes", required=False, many=True),
    ),
    options=Options,
    examples=(
        ("predict digits_cnn", "eight test digits, with what they are taken for"),
        ("predict digits_cnn my_seven.png photo.jpg", "pictures of your own"),
        ('predict imdb_gru "A film to remember, for all the wrong reasons"', "a text of your own"),
        ("predict ridership_rnn boardings.csv:rail", "the day after a CSV file's last"),
        ("predict ridership_rnn --split validation --count 7", "the last week of a split"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
)
