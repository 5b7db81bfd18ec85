"""Character models: what is measured, what is carried, and that an update is what it says."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from research.data.sequences import contiguous_rows
from research.data.sources.arrays import ArraySource
from research.data.text import Alphabet
from research.engine.experiment import Data, traced
from research.errors import Mistake
from research.optimization.supervised import Fitting
from research.options.config import make_experiment, problems_of
from research.sequence.characters.character_net import CharacterNet
from research.sequence.characters.character_text import Texts, held_out, read_texts, text_sources
from research.sequence.characters.language_model import (
    STRETCHES,
    RecurrentLanguageModel,
    TransformerLanguageModel,
    make_language_model,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SYMBOLS, BATCH, WINDOW = 5, 3, 4
RATES = {"learning_rate": 0.1, "dropout_rate": 0.0}


def _model(windows, embedding=0, cell="lstm"):
    net = CharacterNet(SYMBOLS, cell, (6, 6), embedding)
    text = np.random.default_rng(0).integers(0, SYMBOLS, 60).astype(np.uint16)
    row = ArraySource("rows", {"symbol": text[None]})
    data = Data({"validation": row}, evaluation_batch_size=1)
    experiment = make_language_model(
        RecurrentLanguageModel(batch_size=BATCH, window=WINDOW), net, Alphabet("abcde"), data,
        Fitting(12, "sgd"), windows=windows, evaluate_every=4,
    )  # fmt: skip
    return net, text, experiment, jax.jit(experiment.init)(jax.random.key(0), traced(RATES))


def _nats(net, params, numbers, states=None):
    logits, states = net.apply({"params": params}, numbers[:, :-1], states)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), numbers[:, 1:, None], axis=-1)
    return -jnp.mean(chosen), states


@pytest.mark.parametrize("embedding", [0, 3])
def test_a_text_is_measured_from_its_beginning(embedding):
    net, text, experiment, state = _model(None, embedding)
    batch = {"symbol": jnp.asarray(text)[None], "weight": jnp.ones(1)}
    told = jax.jit(experiment.evaluate)(state, batch, jax.random.key(0))
    found = {name: float(value.total / value.weight) for name, value in told.items()}
    expected, _ = _nats(net, state.params, jnp.asarray(text, jnp.int32)[None])
    assert found["loss"] == pytest.approx(float(expected), rel=1e-5)
    assert found["bits"] == pytest.approx(float(expected) / math.log(2), rel=1e-5)
    assert float(told["loss"].weight) == len(text) - 1
    # Untrained, it knows nothing: about ln 5 nats.
    assert abs(found["loss"] - math.log(SYMBOLS)) < 0.3


def test_updates_carry_the_state_and_begin_anew_with_the_text():
    """Against gradients of a loss that is written out, three windows and then the first again."""
    windows, rows = contiguous_rows(39, WINDOW, BATCH)
    assert windows == 3
    net, text, experiment, state = _model(windows)
    params, states = state.params, None
    update = jax.jit(experiment.update)
    gradient = jax.jit(jax.value_and_grad(partial(_nats, net), has_aux=True))
    for step in range(5):
        if step % windows == 0:
            states = None
        symbol = jnp.asarray(text)[rows(jax.random.key(0), step).position]
        (loss, states), slope = gradient(params, symbol.astype(jnp.int32), states)
        params = optax.apply_updates(params, jax.tree.map(lambda leaf: -0.1 * leaf, slope))
        state, told = update(
            state, {"symbol": symbol, "weight": jnp.ones(BATCH)}, jax.random.key(0)
        )
        assert float(told["loss"].total / told["loss"].weight) == pytest.approx(
            float(loss), rel=1e-5
        )
        close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
        jax.tree.map(close, state.params, params)
        jax.tree.map(close, state.carried, states)


def test_without_carried_state_a_window_knows_nothing_of_the_one_before():
    _, text, experiment, state = _model(None)
    assert state.carried is None
    batch = {"symbol": jnp.asarray(text[: 3 * 5]).reshape(3, 5), "weight": jnp.ones(BATCH)}
    update = jax.jit(experiment.update)
    after, _ = update(state, batch, jax.random.key(0))
    again, _ = update(state._replace(step=state.step + 1), batch, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, after.params, again.params)


def test_held_out_text_is_read_once_from_end_to_end():
    part = np.arange(1000, dtype=np.uint16)
    windows = held_out(part, 9, "the test text")
    assert windows.shape == (111, 10)
    np.testing.assert_array_equal(windows[1:, 0], windows[:-1, -1])
    long = held_out(part, 9, "the test text", STRETCHES)
    assert long.shape == (16, 63) and long[0, 0] == 0
    with pytest.raises(Mistake, match="the test text has 4 elements, fewer than a window of 9"):
        held_out(part[:5], 9, "the test text")


def test_the_ledger_tells_texts_apart_that_are_the_same_numbers():
    part = np.arange(300, dtype=np.uint16) % 3
    splits = dict.fromkeys(("train", "validation", "test"), part)

    def digests(symbols):
        sources = text_sources(RecurrentLanguageModel(window=9), Texts(Alphabet(symbols), splits))
        return [source.digest() for source in sources.values()]

    assert digests("abc") == digests("abc")
    assert all(one != other for one, other in zip(digests("abc"), digests("abd"), strict=True))


def test_splits_have_a_gap_or_are_as_published(monkeypatch):
    text = "".join(chr(97 + k % 26) for k in range(3000))
    parts = {"train": text, "validation": text[:50].upper(), "test": "xyz"}
    monkeypatch.setattr(
        "research.sequence.characters.character_text.read_text",
        lambda dataset, split="train": parts[split],
    )
    vocabulary, splits = read_texts(RecurrentLanguageModel(window=30))
    assert vocabulary.decode(splits["train"]) == text[: len(splits["train"])]
    assert sum(map(len, splits.values())) == 3000 - 2 * 31
    vocabulary, splits = read_texts(RecurrentLanguageModel(cut="published"))
    assert {name: vocabulary.decode(part) for name, part in splits.items()} == {
        name: part.lower() for name, part in parts.items()
    }
    with pytest.raises(Mistake, match="3000 elements are too few"):
        read_texts(RecurrentLanguageModel(window=2000))
    with pytest.raises(Mistake, match="fewer than --batch-size 5000"):
        make_experiment(RecurrentLanguageModel(window=30, batch_size=5000))
    with pytest.raises(Mistake, match="Take fewer rows or a shorter window"):
        make_experiment(RecurrentLanguageModel(window=30, batch_size=300, stateful=True))


def test_what_is_out_of_range_is_refused():
    assert problems_of(RecurrentLanguageModel()) == []
    assert problems_of(RecurrentLanguageModel().smoke()) == []
    assert len(problems_of(RecurrentLanguageModel(window=0, dropout_rate=1.0, groups=0))) == 3
    (problem,) = problems_of(RecurrentLanguageModel(groups=5))
    assert problem == "--groups must divide --batch-size (32): 5 does not"
    (problem,) = problems_of(RecurrentLanguageModel(segment=7))
    assert problem == "--segment must divide --window (100): 7 does not"
    (problem,) = problems_of(RecurrentLanguageModel(cut="published", text="mine.txt"))
    assert problem.startswith("--cut published is for data sets with splits of their own")


def test_what_is_out_of_range_for_a_transformer_is_refused():
    assert problems_of(TransformerLanguageModel()) == []
    assert problems_of(TransformerLanguageModel().smoke()) == []
    assert problems_of(TransformerLanguageModel(steps=0)) == []
    (problem,) = problems_of(TransformerLanguageModel(features=100, heads=4))
    assert "--features must be a multiple of twice --heads, 8" in problem
    (problem,) = problems_of(TransformerLanguageModel(steps=50))
    assert "--warmup-steps must be at most --steps, 50, not 100" in problem
    assert len(problems_of(TransformerLanguageModel(heads=0, steps=-1, batch_size=0))) == 3
