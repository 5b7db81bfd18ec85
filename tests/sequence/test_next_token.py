"""What follows a token, by a memory carried from call to call, is what is written greedily."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from research.engine import keys
from research.engine.experiment import traced
from research.errors import Mistake
from research.options.config import floats
from research.prediction import Tokens, by_rows, over_time
from research.sequence.characters.language_model import (
    RecurrentLanguageModel,
    TransformerLanguageModel,
)
from research.sequence.characters.writing import Sampling, write
from research.sequence.chorales.composition import ChoraleModel

pytestmark = pytest.mark.usefixtures("plainly_compiled")

LETTERS = {"vocabulary": {"symbols": "\nabcdefgh", "lower": True}}
CHORDS = {"vocabulary": {"lowest": 60, "highest": 66}, "openings": [[60, 61, 62, 63]]}


def vivid(config, experiment):
    """A state whose outputs hang on their inputs more than those of a net that begins to learn."""
    values = traced(floats(config))
    state = jax.jit(experiment.init)(keys.stream(0, "init"), values)
    chance = np.random.default_rng(0)
    louder = jax.tree.map(
        lambda leaf: leaf + np.float32(0.5) * chance.normal(size=leaf.shape).astype(np.float32),
        state.params,
    )
    return state._replace(params=louder)


@pytest.mark.parametrize(
    ("config", "needs"),
    [
        (RecurrentLanguageModel(units=8, cell="lstm", embedding=3), LETTERS),
        pytest.param(
            TransformerLanguageModel(layers=2, features=8, heads=2, window=6),
            LETTERS,
            marks=pytest.mark.slow,
        ),
        pytest.param(ChoraleModel(units=8), CHORDS, marks=pytest.mark.slow),
    ],
    ids=["lstm", "transformer", "chorales"],
)
def test_the_likeliest_of_each_step_is_the_greedy_text(config, needs):
    experiment = config.make_to_use(needs)
    offers, state = experiment.offers, vivid(config, experiment)
    writer = offers["writer"] if "writer" in offers else offers["composer"].writer
    predictor = offers["predict"]
    assert isinstance(predictor.outputs, Tokens)
    assert len(predictor.outputs.symbols) == len(writer.vocabulary)
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(writer.resting(2)))
    # Twice as many as a transformer keeps.
    prompt = np.array([[1, 2, 3, 4], [4, 4, 1, 2]])
    parts = write(writer, state, prompt, 12, Sampling(0.0), jax.random.key(0))
    text = np.concatenate([prompt, *parts], axis=1)
    predict = by_rows(predictor)
    steps = [*over_time(predictor, predict)(state, {"token": text[:, :-1]})]
    likeliest = np.stack([step["logits"].argmax(axis=1) for step in steps], axis=1)
    np.testing.assert_array_equal(likeliest[:, 3:], text[:, 4:])
    # The control: each token by itself would be followed by something else.
    alone = [*over_time(predictor, predict)(state, {"token": text[:, 7:8]})]
    assert np.abs(alone[0]["logits"] - steps[7]["logits"]).max() > 1e-3
    # Texts of other lengths, side by side, do not disturb each other.
    carried = {
        name: np.concatenate([steps[2][name][:1], steps[8][name][1:]]) for name in predictor.carried
    }
    mixed = predict(state, {"token": np.array([text[0, 3], text[1, 9]]), **carried})
    np.testing.assert_array_equal(mixed["logits"][0], steps[3]["logits"][0])
    np.testing.assert_array_equal(mixed["logits"][1], steps[9]["logits"][1])


def test_a_beginning_is_read_as_the_model_knows_it(tmp_path):
    predictor = RecurrentLanguageModel().make_to_use(LETTERS).offers["predict"]
    assert predictor.outputs == Tokens(tuple("\nabcdefgh"), lower=True)
    assert predictor.read("Bad").inputs["token"].tolist() == [[2, 1, 4]]
    (tmp_path / "own.txt").write_text("face\n")
    own = predictor.read(str(tmp_path / "own.txt"))
    assert (own.name, own.inputs["token"].tolist()) == ("own.txt", [[6, 1, 3, 5, 0]])
    inputs, truth = predictor.split({"symbol": np.array([[3, 4, 5]], np.uint16)})
    assert inputs["token"].tolist() == [[3, 4]] and truth.tolist() == [[4, 5]]
    for word, says in (("", "'' is empty"), ("bÄd", "never seen: 'ä'"), ("gone.txt", "no file")):
        with pytest.raises(Mistake, match=says):
            predictor.read(word)


def test_padding_of_chorales_is_no_truth():
    predictor = ChoraleModel(units=8).make_to_use(CHORDS).offers["predict"]
    assert predictor.outputs.symbols == ("-", "C4", "C#4", "D4", "D#4", "E4", "F4", "F#4")
    batch = {"note": np.array([[1, 2, 3, 0]], np.uint8), "note/count": np.array([3])}
    assert predictor.split(batch)[1].tolist() == [[2, 3, -1]]
