"""Sentences: how they are split, what is out of range, what is shown, and sacrebleu's scores."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.sequence import translate_bahdanau, translate_transformer
from research.data.text import END, UNKNOWN
from research.engine.artifacts import Images, Passages
from research.engine.experiment import traced
from research.options.config import make_experiment, problems_of
from research.sequence.translations import sentences
from research.sequence.translations.sentences import RecurrentTranslation, read_sentences
from research.sequence.translations.translator import scores

pytestmark = pytest.mark.usefixtures("plainly_compiled")

ENGLISH = [f"I have {number} dogs." for number in range(40)]
SPANISH = [f"¡Tengo {number} perros!" for number in range(40)]


def config_of(training_pairs, validation_pairs, vocabulary, longest):
    return RecurrentTranslation(
        training_pairs=training_pairs, validation_pairs=validation_pairs, vocabulary=vocabulary,
        longest=longest,
    )  # fmt: skip


@pytest.fixture
def few(monkeypatch):
    """The data set, of forty pairs."""

    class Few:
        def __init__(self, dataset, split):
            assert (dataset, split) == ("spa_eng", "train")

        def load(self):
            texts = {"en": ENGLISH, "es": SPANISH}
            return {
                name: np.array([text.encode() for text in column], object)
                for name, column in texts.items()
            }

    monkeypatch.setattr(sentences, "TfdsSplit", Few)


def test_pairs_stay_together_in_an_order_of_their_own(few):
    pair, sources, (english, spanish), _ = read_sentences(config_of(30, 10, 10, 4))
    assert [len(sources[split]) for split in ("train", "validation")] == [30, 10]
    numbers = [int(text.split()[2]) for text in english]
    assert numbers == [int(text.split()[1]) for text in spanish] != sorted(numbers)
    # The vocabulary is that of training: a number that only validation has is unknown.
    wide = read_sentences(config_of(30, 10, 1000, 4))
    for row, number in zip(wide.sources["validation"].load()["target"], numbers, strict=True):
        assert row[1] == UNKNOWN
        assert str(number) not in wide.pair.target.symbols
    # Of the words that are kept the most frequent come first; longer sentences are cut.
    assert pair.source.symbols[:3] == ("dogs", "have", "i") and len(pair.source) == 10
    target = sources["train"].load()["target"]
    assert target.shape == (30, 4) and (target[:, 3] == END).all()
    short = read_sentences(config_of(30, 10, 10, 2)).sources["train"].load()["target"]
    assert not (short == END).any()


def test_sentences_that_were_learned_from_are_told_from_others(monkeypatch, few):
    """Of forty, the English ones of four come twice: spelled otherwise, they are the same words."""
    english = [f"I have {number % 36} dogs{'!' if number < 36 else '.'}" for number in range(40)]
    monkeypatch.setitem(globals(), "ENGLISH", english)
    found = read_sentences(config_of(30, 10, 1000, 4))
    order = np.random.default_rng(sentences.SHUFFLED_BY).permutation(40)
    learned = {number % 36 for number in order[:30]}
    expected = [number % 36 not in learned for number in order[30:]]
    assert found.unseen.tolist() == expected and 0 < sum(expected) < 10
    whole, unseen = (found.sources[split].load() for split in ("validation", "unseen"))
    np.testing.assert_array_equal(unseen["source"], whole["source"][expected])
    np.testing.assert_array_equal(unseen["target"], whole["target"][expected])
    # What is learned from and validated on is as without it.
    assert [len(found.sources[split]) for split in ("train", "validation")] == [30, 10]
    assert not sentences.not_among(["A b.", "c"], ["a B", "c d"]).tolist()[0]


def test_where_every_sentence_was_learned_from_there_are_no_others(monkeypatch, few):
    monkeypatch.setitem(globals(), "ENGLISH", ["I have dogs."] * 40)
    found = read_sentences(config_of(30, 10, 1000, 4))
    assert not found.unseen.any() and "unseen" not in found.sources


@pytest.mark.parametrize(
    "module", [pytest.param(translate_bahdanau, marks=pytest.mark.slow), translate_transformer]
)
def test_a_net_learns_shows_and_scores(few, module):
    config = replace(module.config.smoke(), training_pairs=32, validation_pairs=8, batch_size=8)
    experiment = make_experiment(config)
    state = jax.jit(experiment.init)(jax.random.key(0), traced(dict(experiment.hyperparameters)))
    train = experiment.data.splits["train"].load()
    batch = {name: column[:8] for name, column in train.items()} | {"weight": np.ones(8, "f")}
    update = jax.jit(experiment.update)
    told = []
    for step in range(12):
        state, seen = update(state, batch, jax.random.key(step))
        told.append(float(seen["loss"].total / seen["loss"].weight))
    assert told[-1] < told[0]
    names = {"bleu", "chrf", "unseen_bleu", "unseen_chrf"}
    assert {*experiment.judge(state, None, None)} == names and experiment.final == ("unseen",)
    validation = experiment.data.splits["validation"].load() | {"weight": np.ones(8, "f")}
    shown = experiment.artifacts(state, lambda split: iter([validation]), jax.random.key(0))
    assert isinstance(shown["translations"], Passages) and len(shown["translations"].texts) == 8
    maps = shown["attention"]
    assert isinstance(maps, Images) and not maps.signed
    assert maps.images.min() >= 0 and maps.images.max() <= 1
    # A row of a word that was written is all of its attention, but for words beyond the picture.
    assert maps.images[0, 0].sum() == pytest.approx(1, abs=1e-5)


def test_what_is_out_of_range_is_refused():
    for config in (translate_bahdanau.config, translate_transformer.config):
        assert problems_of(config) == [] == problems_of(config.smoke())
        assert len(problems_of(replace(config, vocabulary=4, longest=1))) == 2
        (problem,) = problems_of(replace(config, training_pairs=118_963))
        assert "there are 118964 pairs in all" in problem
        (problem,) = problems_of(replace(config, training_pairs=64))
        assert (
            problem == "--batch-size must be at least 1 and at most 64 (--training-pairs), not 128"
        )
    (problem,) = problems_of(replace(translate_transformer.config, features=36))
    assert "--heads must divide --features" in problem
    (problem,) = problems_of(replace(translate_transformer.config, epochs=0))
    assert "--warmup-steps must be at most the updates there are, 0, not 100" in problem
    (problem,) = problems_of(replace(translate_transformer.config, features=33, heads=3))
    assert problem == "--features must be even, not 33"


def test_scores_are_those_of_known_examples():
    assert scores(["a b c d e"], ["a b c d e"]) == pytest.approx({"bleu": 100.0, "chrf": 100.0})
    assert scores(["x y z"], ["a b c d"])["chrf"] == 0
    # By hand: precisions 5/6, 3/5, 2/4, 1/3, of equal lengths.
    made = ["a b c d x f"]
    true = ["a b c d e f"]
    expected = 100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    assert scores(made, true)["bleu"] == pytest.approx(expected, rel=1e-6)
    # Half as long: the same precisions of 1 and a penalty of e^(1 - 8/4).
    short = scores(["a b c d"], ["a b c d e f g h"])["bleu"]
    assert short == pytest.approx(100 * np.exp(-1), rel=1e-6)
    # A corpus is not the mean of its sentences.
    two = scores(["a b c d", "x"], ["a b c d", "y"])["bleu"]
    assert two == pytest.approx(100 * (4 / 5) ** 0.25, rel=1e-6)
