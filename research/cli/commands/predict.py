"""`predict`: a trained model says what it makes of what it is given, whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from research.errors import Exit, Mistake
from research.options.command import Argument, Command, Context, Outcome, parse
from research.options.ranges import COUNT
from research.runs.names import RUN
from research.runs.reported import Reported, StateOptions, open_reported

if TYPE_CHECKING:
    from research.cli.predicted import Predicted
    from research.prediction import Inputs, Predictor

EXAMPLES = 8
"""Examples of a split that are shown, or steps of an episode; of a series one, the last window."""
READ = 100
"""Tokens of an example that a language model reads before what is shown follows."""


@dataclass(frozen=True)
class Options(StateOptions):
    """Options of `predict`."""

    split: Annotated[str, "whose examples, where no INPUT is given [test]"] = ""
    count: Annotated[
        int | None,
        "so many of these: the first, of a series the last; of a policy, steps of an episode [8, "
        "of a series 1]",
        COUNT,
    ] = None


def execute(tokens: Sequence[str], context: Context) -> Outcome:
    """Predict, and show what is made of each input."""
    (run, *words), options = parse(COMMAND, tokens)
    if words and (options.split or options.count is not None):
        raise Mistake(
            f"predict: --split and --count choose examples where no INPUT is given; {words[0]} is "
            "one"
        )
    lack = "predicts nothing from inputs of one's own"
    found = open_reported(run, options, context, "predict", lack, with_data=not words)
    from research.cli.predicted import show

    predictor: Predictor = found.offer
    split = ""
    if words:
        made = _of_words(predictor, found.state, words)
    elif predictor.meet is not None:
        made = _of_episode(predictor, found.state, options)
    else:
        split = options.split or "test"
        made = _of_split(found, split, options.count)
    print(f"{found.name}, step {found.step:,}", file=context.human)
    predictions = show(predictor.outputs, made, context.human)
    return Outcome({**found.facts, "split": split or None, "predictions": predictions})


def _of_words(predictor: Predictor, state: Any, words: Sequence[str]) -> list[Predicted]:
    """What is made of a user's own inputs.

    Raises:
        Mistake: one of them is none.
    """
    import jax
    import numpy as np

    own = [predictor.read(word) for word in words]
    if predictor.carried or len({str(jax.tree.map(np.shape, one.inputs)) for one in own}) > 1:
        # Texts, series and episodes have lengths of their own.
        parts = [_apply(predictor, state, one.inputs, [one.name]) for one in own]
        return [
            row._replace(note=one.note)
            for one, part in zip(own, parts, strict=True)
            for row in part
        ]
    inputs = {name: np.concatenate([one.inputs[name] for one in own]) for name in own[0].inputs}
    made = _apply(predictor, state, inputs, [one.name for one in own])
    return [row._replace(note=one.note) for one, row in zip(own, made, strict=True)]


def _of_episode(predictor: Predictor, state: Any, options: Options) -> list[Predicted]:
    """What is made of the first steps of an episode.

    Raises:
        Mistake: a split is asked for.
    """
    if options.split:
        raise Mistake(
            "predict: --split chooses examples of data, and this policy learned from none: leave "
            "it out for the first steps of an episode"
        )
    assert predictor.meet is not None
    inputs = predictor.meet(state, options.count or EXAMPLES)
    if predictor.carried:
        return _apply(predictor, state, inputs, [""])
    count = len(next(iter(inputs.values())))
    return _apply(predictor, state, inputs, [f"step {step}" for step in range(count)])


def _of_split(found: Reported, split: str, count: int | None) -> list[Predicted]:
    """What is made of examples of a split.

    Raises:
        Mistake: it is not one that is evaluated, or its data are not here.
    """
    import numpy as np

    from research.prediction import Values

    experiment, predictor = found.experiment, found.offer
    data = experiment.data
    assert data is not None
    evaluated = dict.fromkeys((*experiment.watched, *experiment.final))
    known = [name for name in evaluated if name in data.splits]
    if split not in known:
        raise Mistake(
            f"predict: --split is one of those evaluated, {', '.join(known)}, not {split}"
        )
    source = data.splits[split]
    last = isinstance(predictor.outputs, Values)
    wanted = min(len(source), count or (1 if last else EXAMPLES))
    start = len(source) - wanted if last else 0
    numbers = np.arange(start, start + wanted)
    inputs, truth = predictor.split(source.read(numbers))
    if predictor.carried:
        inputs = {name: array[:, :READ] for name, array in inputs.items()}
        truth = truth[:, :READ][:, -1]
    made = _apply(predictor, found.state, inputs, [f"{split} {number}" for number in numbers])
    return [row._replace(truth=one) for row, one in zip(made, truth, strict=True)]


def _apply(
    predictor: Predictor, state: Any, inputs: Inputs, names: Sequence[str]
) -> list[Predicted]:
    """What is made of each row of some inputs; of a policy with memory, of each of its steps."""
    from research.cli.predicted import Predicted
    from research.prediction import Actions, by_rows, over_time

    predict = by_rows(predictor)
    if not predictor.carried:
        outputs = predict(state, inputs)
        return [
            Predicted(name, _row(inputs, row), _row(outputs, row)) for row, name in enumerate(names)
        ]
    steps = [*over_time(predictor, predict)(state, inputs)]
    if isinstance(predictor.outputs, Actions):
        return [
            Predicted(
                f"{name} step {step}".strip(),
                {key: array[row, step] for key, array in inputs.items()},
                _row(outputs, row),
            )
            for row, name in enumerate(names)
            for step, outputs in enumerate(steps)
        ]
    return [
        Predicted(name, _row(inputs, row), _row(steps[-1], row)) for row, name in enumerate(names)
    ]


def _row(arrays: Any, row: int) -> dict[str, Any]:
    return {name: array[row] for name, array in arrays.items()}


COMMAND = Command(
    name="predict",
    summary="let a trained model say what it makes of what you give it",
    text="""Takes what a run reports, its newest checkpoint or the best where the experiment
    chooses, or the one that --checkpoint names, and shows what it makes of each INPUT; without one,
    of a few examples of the test split, beside what is true of them, or of the first steps of an
    episode. It computes what the run was evaluated by, from the input as you have it to the answer.
    An answer has the same bits however many others are computed with it.

    A classifier of pictures takes PNG and JPEG files. The middle is cut out in the shape of its
    data and brought to their size. Where these are grey, as handwritten digits and Fashion-MNIST
    are, so is the picture made, and since they are light on dark, a picture with a light border is
    inverted: dark ink on white paper will do. A note says what was done to each.

    A classifier of texts takes a text in quotes, or a file that holds one, and notes the words that
    it never learned. A forecaster takes a CSV file, FILE.csv or FILE.csv:COLUMN, in the unit of its
    data, and says what follows the last row: where it learned an interval, nine values in ten lie
    within.

    A regression of a table takes the raw columns of a row: a JSON object, in which null stands for
    what is not known, a file that holds one, or FILE.csv:ROW.

    A policy takes an observation of its environment: numbers as a JSON list, or a file that holds
    them. The action is the one that it takes when it draws none, in the environment's own unit.
    Beside it stands what it may draw: probabilities of actions, or limits between which nine in ten
    lie. A policy with memory takes a list of observations, those of an episode from its first step
    on.

    A model of text takes the beginning of a text, and one of chorales chords, as `sample` has it:
    they say what comes next. A translator takes a sentence and writes what `translate` does. An
    autoencoder takes pictures, and says how far from each what it makes of it is.

    Probabilities are the model's own: it can be just as sure of a picture unlike any that it
    learned from. --json has all of them, and all that a table has no room for.""",
    arguments=(
        RUN,
        Argument("INPUT", "a file, a text in quotes, or numbers", required=False, many=True),
    ),
    options=Options,
    examples=(
        ("predict digits_cnn", "eight test digits, with what they are taken for"),
        ("predict digits_cnn my_seven.png photo.jpg", "pictures of your own"),
        ('predict imdb_gru "A film to remember, for all the wrong reasons"', "a text of your own"),
        ("predict ridership_rnn boardings.csv:rail", "the day after a CSV file's last"),
        ("predict ridership_rnn --split validation --count 7", "the last week of a split"),
        ("predict california_wide_deep districts.csv:3", "the third row of a table"),
        ("predict cartpole_ppo", "what the policy does in the first steps of an episode"),
        ('predict cartpole_ppo "[0, 0, 0.05, 0.3]"', "what it does where the pole leans right"),
        ('predict char_rnn_stateful "To be, or not to b"', "the next character, by likelihood"),
        ('predict translate_luong "I like soccer"', "the likeliest word each time"),
    ),
    exits=(Exit.DAMAGED,),
    execute=execute,
)
