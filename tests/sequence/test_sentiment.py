"""Judges of reviews: what padding does to each, what a bag counts, and what is known of words."""

from __future__ import annotations

import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.feature_extraction.text import CountVectorizer

from research.data.text import PADDING, SIGNS, UNKNOWN, WORD, commonest
from research.engine.experiment import traced
from research.errors import Mistake
from research.options.config import make_experiment, problems_of
from research.sequence.classification import sentiment
from research.sequence.classification.binary_classification import prediction_loss
from research.sequence.classification.classifiers import BagOfWords, masked_mean
from research.sequence.classification.reviews import (
    Reviews,
    as_source,
    corpus_of,
    make_corpus,
    ngrams,
    split_reviews,
    words_of,
)
from research.sequence.classification.sentiment import (
    BagOfWordsSentiment,
    MeanEmbeddingSentiment,
    RecurrentSentiment,
    TransformerSentiment,
    make_sentiment,
)
from research.sequence.classification.sentiment_pictures import show_predictions, show_strongest

pytestmark = pytest.mark.usefixtures("plainly_compiled")

CONFIGS = {
    "bag": BagOfWordsSentiment(longest=2),
    "mean": MeanEmbeddingSentiment(),
    "gru": RecurrentSentiment(),
    "unmasked": RecurrentSentiment(masked=False),
    "bidirectional": RecurrentSentiment(bidirectional=True, layers=2),
    "transformer": TransformerSentiment(layers=2),
}
SYMBOLS = 12
WORDS = ("the", "film", "was", "good", "bad", "long", "dull", "fine")


def _reviews(count, seed=0):
    """Made-up reviews whose verdict a reader can see."""
    draw, texts, labels = np.random.default_rng(seed), [], []
    for row in range(count):
        label = row % 2
        middle = [WORDS[word] for word in draw.integers(0, 6, draw.integers(0, 9))]
        texts.append(" ".join([*middle, ("dull", "fine")[label], *middle[:2]]))
        labels.append(label)
    return Reviews(texts, np.array(labels, np.int32))


def _corpus(config, train=None, test=None):
    return config.corpus(split_reviews(train or _reviews(60), test or _reviews(20, 1)))


def _logits(config, tokens):
    return _net(config)(jnp.asarray(tokens, jnp.int32))


@cache
def _net(config):
    """Traced and compiled once for tokens of one shape."""
    net = config.smoke().net(SYMBOLS)

    @jax.jit
    def logits(tokens):
        # Moved, so that a bag is not 0 of everything.
        moved = jax.tree.map(
            lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(4), leaf.shape),
            net.init(jax.random.key(3), tokens),
        )
        return net.apply(moved, tokens)

    return logits


def test_a_line_break_parts_words_and_an_apostrophe_does_not():
    text = "It's GOOD<br /><br />'Don't' miss it: 7/10!"
    assert words_of(text) == ["it's", "good", "don't", "miss", "it", "7", "10"]


@given(st.lists(st.sampled_from(["a", "b", "strange"]), max_size=12), st.integers(1, 4))
def test_stretches_are_those_of_scikit_learn(words, longest):
    counter = CountVectorizer(token_pattern=WORD.pattern, ngram_range=(1, longest))
    assert ngrams(words, longest) == counter.build_analyzer()(" ".join(words))


def test_a_vocabulary_is_part_of_what_the_ledger_says_of_the_data():
    def digest(word):
        reviews = Reviews([f"{word} {text}" for text in _reviews(60).texts], _reviews(60).label)
        corpus = make_corpus(split_reviews(reviews, reviews), words=500, length=40)
        return corpus.sources["test"].load()["token"], corpus.sources["test"].digest()

    # The same numbers, for the two words have the same rank; and not the same meaning.
    (one, told), (other, told_of_other) = digest("aaa"), digest("aab")
    np.testing.assert_array_equal(one, other)
    assert told != told_of_other and told == digest("aaa")[1]


def test_reviews_that_stay_in_files_are_the_same_tokens_as_those_in_memory():
    splits = split_reviews(_reviews(60), _reviews(20, 1))
    held = make_corpus(splits, words=5, length=6)
    files = {name: as_source(part, name) for name, part in splits.items()}
    read = corpus_of(files, words=5, length=6, kept="last")
    assert read.vocabulary == held.vocabulary
    for name, source in read.sources.items():
        rows = np.random.default_rng(0).permutation(len(source))
        found, expected = source.read(rows), held.sources[name].read(rows)
        np.testing.assert_array_equal(found["token"], expected["token"])
        np.testing.assert_array_equal(found["label"], expected["label"])
        assert [*read.texts[name]] == splits[name].texts
    # Other files, or another vocabulary, are other data.
    fewer = corpus_of(files, words=4, length=6, kept="last")
    assert fewer.sources["test"].digest() != read.sources["test"].digest()


@pytest.mark.parametrize("name", CONFIGS)
def test_padding_changes_nothing_but_where_it_is_read_like_words(name):
    tokens = np.array([[4, 5, 7, 6], [4, 4, 9, UNKNOWN], [11, 0, 0, 0], [0, 0, 0, 0]])
    padded = np.pad(tokens, ((0, 0), (0, 6)), constant_values=PADDING)
    alone, among = _logits(CONFIGS[name], tokens), _logits(CONFIGS[name], padded)
    assert alone.shape == (4,) and np.isfinite(alone).all()
    if name == "unmasked":
        assert np.abs(alone - among).max() > 1e-2
    else:
        np.testing.assert_allclose(alone, among, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_order_of_words_counts_for_all_but_bag_and_mean(name):
    tokens = np.zeros((4, 10), int)  # as many as above, for which the nets are compiled
    tokens[:2, :4] = [2, 5, 7, 3], [3, 7, 5, 2]
    there, back, *_ = _logits(CONFIGS[name], tokens)
    assert (abs(there - back) < 1e-5) == (name in ("bag", "mean"))


def test_a_mean_is_over_what_is_there():
    values = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    mask = np.arange(5) < np.array([[5], [2], [0]])
    values[1, 3] = np.nan
    found = masked_mean(jnp.asarray(values), jnp.asarray(mask))
    np.testing.assert_allclose(found[0], values[0].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[1], values[1, :2].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(found[2], 0.0)


def test_a_bag_is_the_product_of_scikit_learns_counts_with_the_weights():
    corpus = _corpus(BagOfWordsSentiment(longest=2, words=30, length=50))
    texts = corpus.texts["test"]
    counter = CountVectorizer(
        token_pattern=WORD.pattern,
        ngram_range=(1, 2),
        binary=True,
        vocabulary=corpus.vocabulary.symbols,
    )
    weight = np.random.default_rng(1).normal(size=len(corpus.vocabulary)).astype(np.float32)
    expected = counter.transform(texts) @ weight[len(SIGNS) :] + 0.5
    params = {"params": {"weight": jnp.asarray(weight), "bias": jnp.float32(0.5)}}
    tokens = jnp.asarray(corpus.sources["test"].load()["token"], jnp.int32)
    found = BagOfWords(len(corpus.vocabulary)).apply(params, tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["bag", "gru"])
def test_words_of_validation_and_test_alone_are_unknown(name):
    train = _reviews(60)
    # Every tenth is for validation.
    train = train._replace(
        texts=[f"{text} held" if row % 10 == 9 else text for row, text in enumerate(train.texts)]
    )
    config = dataclasses.replace(CONFIGS[name], words=500, length=40)
    corpus = _corpus(config, train, Reviews(["unheard of film"] * 2, np.int32([0, 1])))
    assert {"held", "unheard", "of"}.isdisjoint(corpus.vocabulary.symbols)
    row = corpus.sources["test"].load()["token"][0]
    film = corpus.vocabulary.tokens["film"]
    known = row[row != PADDING].tolist()
    assert known == ([film] if name == "bag" else [UNKNOWN, UNKNOWN, film])
    assert {part: len(texts) for part, texts in corpus.texts.items()} == {
        "train": 54, "validation": 6, "test": 2,
    }  # fmt: skip


def test_a_bag_is_of_the_words_that_are_read():
    train = _reviews(60)
    test = Reviews(["", "good " * 9 + "bad dull"], np.int32([0, 1]))
    corpus = make_corpus(split_reviews(train, test), words=100, length=2, kept="last", longest=2)
    row = corpus.sources["test"].load()["token"][1]
    shown = {corpus.vocabulary.decode(row[place : place + 1]) for place in range(len(row))} - {""}
    assert shown <= {"bad", "dull", "bad dull"} and {"bad", "dull"} <= shown
    assert not corpus.sources["test"].load()["token"][0].any()
    # The vocabulary is of what is read, too.
    cut = [ngrams(words_of(text)[-2:], 2) for text in corpus.texts["train"]]
    assert corpus.vocabulary == commonest(cut, "words", 100)


@pytest.mark.parametrize("name", CONFIGS)
def test_it_learns_and_is_measured_without_dropout(name):
    # Of eight numbers, the half that dropout leaves is too little for attention to learn by.
    wider = {"embedding": 32} if hasattr(CONFIGS[name], "embedding") else {}
    config = dataclasses.replace(
        CONFIGS[name].smoke(), epochs=40, batch_size=18, length=16, learning_rate=1e-2, **wider
    )
    experiment = make_experiment(config, partial(make_sentiment, corpus=_corpus(config)))
    values = traced(experiment.hyperparameters)
    state = jax.jit(experiment.init)(jax.random.key(0), values)
    columns = experiment.data.splits["train"].load()
    batch = {column: jnp.asarray(values) for column, values in columns.items()}
    batch["weight"] = jnp.ones(54)
    update, evaluate = jax.jit(experiment.update), jax.jit(experiment.evaluate)
    for step in range(60):
        state, _ = update(state, batch, jax.random.key(step))
    told = evaluate(state, batch, jax.random.key(0))
    again = evaluate(state, batch, jax.random.key(1))
    assert float(told["loss"].total) == float(again["loss"].total)
    assert float(told["accuracy"].total / told["accuracy"].weight) > 0.9


def test_an_update_of_a_bag_is_logistic_regressions():
    """One step of AdamW moves each weight by the learning rate against the gradient's sign."""
    config = dataclasses.replace(
        BagOfWordsSentiment().smoke(), batch_size=18, learning_rate=0.1, word_dropout_rate=0.0
    )
    corpus = _corpus(config)
    experiment = make_experiment(config, partial(make_sentiment, corpus=corpus))
    values = traced(experiment.hyperparameters)
    state = jax.jit(experiment.init)(jax.random.key(0), values)
    columns = corpus.sources["train"].load()
    batch = {name: jnp.asarray(column) for name, column in columns.items()}
    batch["weight"] = jnp.ones(54)
    after, told = jax.jit(experiment.update)(state, batch, jax.random.key(0))
    counts = np.zeros((54, len(corpus.vocabulary)))
    for row, bag in zip(counts, columns["token"], strict=True):
        row[bag[bag != PADDING]] = 1
    slope = counts.T @ (0.5 - columns["label"])
    sure = np.abs(slope) > 1e-6
    moved = np.asarray(after.params["weight"])
    np.testing.assert_allclose(moved[sure], -0.1 * np.sign(slope[sure]), rtol=1e-3)
    np.testing.assert_allclose(moved[[PADDING, UNKNOWN]], 0.0)
    assert float(told["loss"].total / told["loss"].weight) == pytest.approx(np.log(2), rel=1e-5)


def test_metrics_are_those_of_the_definition():
    logits, label = np.float32([2.0, -1.0, 0.5, 9.0]), np.array([1, 1, 0, 0])
    weight = np.float32([1, 1, 1, 0])
    told = prediction_loss(jnp.asarray(logits), jnp.asarray(label), jnp.asarray(weight)).metrics
    given = np.where(label == 1, expit(logits), 1 - expit(logits))
    assert float(told["loss"].total) == pytest.approx(-np.log(given[:3]).sum(), rel=1e-5)
    assert float(told["accuracy"].total) == 1.0 and float(told["accuracy"].weight) == 3.0


def test_a_report_shows_the_worst_mistakes_with_their_words():
    probability = np.float32([0.9, 0.2, 0.99, 0.4, 0.7])
    label = np.array([1, 1, 0, 0, 1])
    texts = {"test": ["a", "b", "the<br />worst " + "word " * 300, "d", "e"]}
    # Padding reads the first row.
    rows = [(np.array([0, 1, 2]), np.ones(3)), (np.array([3, 4, 0]), np.float32([1, 1, 0]))]
    batches = [
        {"label": label[row], "weight": weight, "probability": probability[row]}
        for row, weight in rows
    ]
    made = show_predictions(
        lambda batch: batch["probability"], lambda split: iter(batches), texts, ("bad", "good")
    )
    np.testing.assert_array_equal(made["confusion"].counts, [[1, 1], [1, 2]])
    mistakes = made["mistakes"]
    assert mistakes.texts[0].startswith("the worst word") and len(mistakes.texts[0]) <= 600
    assert mistakes.texts[1] == "b"
    assert mistakes.captions[0] == "bad; judged positive with probability 0.9900"
    assert np.isnan(made["certainty"].values).sum() == 5


def test_a_report_shows_the_strongest_words():
    vocabulary = commonest([["good", "good", "good", "bad", "bad", "so"]], "words")
    made = show_strongest(np.float32([9, -9, 9, -9, 2.0, -1.5, 0.1]), vocabulary, ("bad", "good"))
    against, in_favour = made["strongest"].texts
    assert against == "bad -1.50  ·  so +0.10  ·  good +2.00"
    assert in_favour == "good +2.00  ·  so +0.10  ·  bad -1.50"


def test_what_is_out_of_range_is_refused():
    for config in CONFIGS.values():
        assert problems_of(config) == [] == problems_of(config.smoke())
    wrong = RecurrentSentiment(reviews=9, length=0, units=0, dropout_rate=1.0, groups=0)
    assert len(problems_of(wrong)) == 5
    assert len(problems_of(RecurrentSentiment(groups=5))) == 1
    (problem,) = problems_of(TransformerSentiment(embedding=30, heads=4))
    assert "--embedding must be a multiple of twice --heads, 8" in problem
    assert len(problems_of(TransformerSentiment(heads=0))) == 1
    (problem,) = problems_of(BagOfWordsSentiment(longest=0))
    assert problem == "--longest must be at least 1, not 0"


def test_too_few_reviews_are_refused(monkeypatch):
    reviews = partial(_reviews, 20)
    monkeypatch.setattr(sentiment, "read_reviews", lambda count: (reviews(), reviews(1)))
    with pytest.raises(Mistake, match="--reviews 20 leave 18 to train on, fewer than --batch-size"):
        make_experiment(MeanEmbeddingSentiment(reviews=20, batch_size=19))
    with pytest.raises(Mistake, match="9 training reviews leave none for validation"):
        split_reviews(_reviews(9), _reviews(2))
