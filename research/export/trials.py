"""Trials: what an exported model is put to, and what the run itself answers.

The whole test split; of a policy an episode of its own; of a language model texts that it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from research.engine.experiment import Experiment, State
from research.errors import Mistake
from research.export.comparing import Found, Margin
from research.export.elsewhere import Arrays, run_rows
from research.export.stablehlo import Apply
from research.prediction import ROWS, Predictor, Tokens, at_first, by_rows

MET = 1000
"""Observations of an episode at most."""
PROMPTS = 32
"""Texts that a language model goes on with."""
WRITTEN = 4
"""Such a text is so many times as long as its beginning."""


class Model(NamedTuple):
    """What is exported.

    Attributes:
        experiment: with its data.
        predictor: of it.
        state: of the run.
    """

    experiment: Experiment
    predictor: Predictor
    state: State

    @property
    def apply(self) -> Apply:
        """The predictor with its parameters inside."""
        return partial(self.predictor.apply, self.state)


class Trial(NamedTuple):
    """Inputs, and how they are put in.

    Attributes:
        name: of its files.
        on: for people: `the test split, 360 examples`.
        inputs: as `run_rows` takes them; and
        follow: likewise; and
        length: likewise.
    """

    name: str
    on: str
    inputs: Arrays
    follow: tuple[str, str] | None = None
    length: int = 0

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(next(iter(self.inputs.values())))


def make_trials(model: Model) -> list[Trial]:
    """What a model of this experiment is tried on.

    Raises:
        Mistake: there is nothing that it could be tried on, or the data are not here.
    """
    experiment, predictor, state = model
    trials = []
    if predictor.split is not None and experiment.data is not None:
        trials.append(_of_split(experiment, predictor))
    elif predictor.meet is not None:
        trials.append(_of_episode(predictor, state))
    else:
        raise Mistake("export: there are no data and no environment to verify this model on")
    if isinstance(predictor.outputs, Tokens):
        trials.append(_of_prompts(trials[0].inputs["token"]))
    return trials


def tested_split(experiment: Experiment) -> str:
    """The split that a model is verified on: `test`, or else the last that is evaluated."""
    assert experiment.data is not None
    evaluated = [
        name for name in (*experiment.watched, *experiment.final) if name in experiment.data.splits
    ]
    return "test" if "test" in evaluated else evaluated[-1]


def _of_split(experiment: Experiment, predictor: Predictor) -> Trial:
    data = experiment.data
    assert data is not None and predictor.split is not None
    split = tested_split(experiment)
    source, size = data.splits[split], data.evaluation_batch_size
    count = len(source)
    parts = [
        predictor.split(source.read(np.arange(at, min(count, at + size))))[0]
        for at in range(0, count, size)
    ]
    # Raw inputs have the dtypes of the model.
    dtypes = {name: predictor.examples[name].dtype for name in parts[0]}
    inputs = {
        name: np.concatenate([np.asarray(part[name], dtype) for part in parts])
        for name, dtype in dtypes.items()
    }
    return Trial("split", f"the {split} split, {count:,} examples", inputs)


def _of_episode(predictor: Predictor, state: State) -> Trial:
    assert predictor.meet is not None
    met = {
        name: np.asarray(array, predictor.examples[name].dtype)
        for name, array in predictor.meet(state, MET).items()
    }
    if not predictor.carried:
        count = len(next(iter(met.values())))
        # A short episode again and again, so that the largest batch is one.
        again = {name: np.concatenate([array] * -(-ROWS // count)) for name, array in met.items()}
        return Trial("episode", f"an episode, {count:,} observations", again)
    # The first row is the episode. Each further one begins a step later, so that rows differ.
    time = next(iter(met.values())).shape[1]
    inputs = {
        name: np.concatenate([np.roll(array, -at, axis=1) for at in range(ROWS)])
        for name, array in met.items()
    }
    return Trial("episode", f"an episode, {time:,} observations, from {ROWS} places on", inputs)


def _of_prompts(token: np.ndarray) -> Trial:
    """Beginnings of texts of the split, with which the model goes on."""
    rows = np.linspace(0, len(token) - 1, min(PROMPTS, len(token))).astype(int)
    length = token.shape[1]
    prompt = max(1, length // WRITTEN)
    on = f"{len(rows)} texts of which it writes {length - prompt:,} tokens of {length:,}"
    return Trial("prompts", on, {"token": token[rows, :prompt]}, ("logits", "token"), length)


def answer(model: Model, trial: Trial, tell: Callable[[int], None]) -> Arrays:
    """What the run itself answers to a trial, as `predict` computes it.

    `tell` is given how many rows are done.
    """
    carried, follow, length = model.predictor.carried, trial.follow, trial.length
    return run_rows(_native(model), trial.inputs, ROWS, carried, follow, length, tell)


def margin_of(model: Model, trial: Trial) -> Margin | None:
    """How sure the run itself is of what it writes in a trial."""
    apply = model.predictor.margin
    if apply is None:
        return None
    surely = by_rows(
        model.predictor._replace(apply=lambda state, inputs: {"margin": apply(state, inputs)})
    )

    def margin(rows: np.ndarray) -> np.ndarray:
        inputs = {name: array[rows] for name, array in trial.inputs.items()}
        return surely(model.state, inputs)["margin"]

    return margin


def _native(model: Model) -> Callable[[Arrays], Arrays]:
    predict = by_rows(model.predictor)
    return lambda inputs: predict(model.state, inputs)


def inputs_at(model: Model, trial: Trial, size: int, found: Found) -> Arrays:
    """The inputs of the batch, and of the step in time, at which a difference was found.

    What is carried there is what the run itself carries.
    """
    start = found.place[0] - found.place[0] % size
    rows = {name: array[start : start + size] for name, array in trial.inputs.items()}
    carried = model.predictor.carried
    if not carried:
        return rows
    time = next(iter(rows.values())).shape[1]
    # The memory is that after the last step.
    last = (trial.length or time) - 1
    place = last if found.output in carried else found.place[1]
    at = {name: array[:, place] for name, array in rows.items()} if place < time else {}
    if not place:
        return at | at_first(model.predictor, len(next(iter(at.values()))))
    before = {name: array[:, :place] for name, array in rows.items()}
    made = run_rows(_native(model), before, size, carried, trial.follow, place)
    if trial.follow is not None and not at:
        output, name = trial.follow
        at = {name: made[output][:, -1].argmax(axis=-1).astype(rows[name].dtype)}
    return at | {name: made[name] for name in carried}
