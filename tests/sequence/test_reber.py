"""Reber strings: table and regular expression check each other; padding changes no logit."""

from __future__ import annotations

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.sequence import reber_gru
from research.data.sources.arrays import ArraySource
from research.engine.experiment import Data, traced
from research.options.config import problems_of
from research.sequence.classification.binary_classification import make_binary_classifier
from research.sequence.classification.classifiers import RecurrentReader
from research.sequence.classification.reber import (
    DONE,
    LETTERS,
    LONGEST,
    REBER,
    SIZES,
    draw_corrupted,
    draw_embedded,
    encode,
    is_grammatical,
    make_strings,
    read_string,
)

pytestmark = pytest.mark.usefixtures("plainly_compiled")


def walks(longest):
    """All strings that the table makes, of so many letters at most."""
    found, going = set(), {("", 0)}
    while going:
        text, state = going.pop()
        if state == DONE:
            found.add(text)
        elif len(text) < longest:
            going |= {(text + letter, after) for letter, after in REBER[state]}
    return found


def embedded(longest):
    return {f"B{kept}{text}{kept}E" for text in walks(longest - 4) for kept in "TP"}


def test_the_expression_accepts_what_the_table_makes_and_nothing_else():
    made, larger = embedded(20), embedded(21)
    assert len(made) > 200 and all(map(is_grammatical, made))
    # Every string that differs in one letter, and every one with a letter less or more.
    for text in sorted(made)[::7]:
        for place, letter in itertools.product(range(len(text)), LETTERS):
            changed = text[:place] + letter + text[place + 1 :]
            assert is_grammatical(changed) == (changed in made)
            longer = text[:place] + letter + text[place:]
            assert is_grammatical(longer) == (longer in larger)
        for place in range(len(text)):
            shorter = text[:place] + text[place + 1 :]
            assert is_grammatical(shorter) == (shorter in made)


@pytest.mark.parametrize(
    ("text", "grammatical"),
    [
        ("BTBTXSETE", True),
        ("BPBPVVEPE", True),
        ("BTBPTTTVPXTVVETE", True),
        ("BTBTXSEPE", False),
        ("BTBTXSETE ", False),
        ("BTBTSETE", False),
        ("", False),
        ("TXS", False),
    ],
)
def test_known_strings_are_told_apart(text, grammatical):
    assert is_grammatical(text) == grammatical


def test_what_is_drawn_is_what_it_should_be():
    generator = np.random.default_rng(0)
    good = [draw_embedded(generator) for _ in range(2000)]
    assert all(map(is_grammatical, good)) and max(map(len, good)) <= LONGEST
    # Both ways from every state are taken as often: a string ends with T as often as with P.
    assert abs(np.mean([text[1] == "T" for text in good]) - 0.5) < 0.04
    assert abs(np.mean([text[3] == "T" for text in good]) - 0.5) < 0.04
    bad = [draw_corrupted(generator) for _ in range(2000)]
    assert not any(map(is_grammatical, bad))
    assert min(map(len, bad)) >= 9 and {*"".join(bad)} <= {*LETTERS}


def test_splits_are_those_of_their_seed_and_share_no_string():
    sources = make_strings()
    rows = {split: source.load() for split, source in sources.items()}
    texts = {}
    for split, columns in rows.items():
        assert len(columns["token"]) == SIZES[split]
        assert columns["label"].mean() == 0.5
        spelled = [
            "".join(LETTERS[number - 1] for number in row if number) for row in columns["token"]
        ]
        assert [is_grammatical(text) for text in spelled] == [*(columns["label"] > 0)]
        texts[split] = {*spelled}
    assert texts["test"].isdisjoint(texts["train"] | texts["validation"])
    assert texts["validation"].isdisjoint(texts["train"])
    assert make_strings()["train"].digest() == sources["train"].digest()
    assert make_strings(1)["train"].digest() != sources["train"].digest()


def test_padding_changes_no_logit():
    net = RecurrentReader(8, 3, cell="gru", units=(6,))
    short = jnp.asarray(encode(["BTBTXSETE", "BPBPVVEPE"])[:, :9])
    variables = net.init(jax.random.key(0), short)
    alone = net.apply(variables, short)
    padded = net.apply(variables, jnp.pad(short, ((0, 0), (0, 7))))
    np.testing.assert_allclose(padded, alone, rtol=1e-6)
    # What is no padding does change it.
    other = net.apply(variables, jnp.pad(short, ((0, 0), (0, 7)), constant_values=1))
    assert np.all(np.abs(other - alone) > 1e-4)


def test_an_update_descends_the_loss_that_is_told():
    net = RecurrentReader(8, 3, cell="gru", units=(4,))
    texts = ["BTBTXSETE", "BTBTXSEPE", "BPBPVVEPE", "BPBPVVETE"]
    columns = {"token": encode(texts), "label": np.array([1, 0, 1, 0], np.int32)}
    experiment = make_binary_classifier(
        replace(reber_gru.config, epochs=3, batch_size=4), net,
        Data({"validation": ArraySource("few", columns)}), optimizer="sgd", epoch=1,
        items="strings", classes=("0", "1"), read=read_string, takes="strings", length=9,
    )  # fmt: skip
    state = experiment.init(jax.random.key(0), traced({"learning_rate": 0.1}))
    # The last row is padding of the batch.
    weight = jnp.array([1.0, 1.0, 1.0, 0.0])
    batch = {name: jnp.asarray(column) for name, column in columns.items()} | {"weight": weight}

    def loss(params):
        logits = net.apply({"params": params}, batch["token"])[:3]
        sign = jnp.array([1.0, -1.0, 1.0])
        return jnp.mean(jnp.log1p(jnp.exp(-sign * logits)))

    value, gradient = jax.value_and_grad(loss)(state.params)
    expected = optax.apply_updates(state.params, jax.tree.map(lambda leaf: -0.1 * leaf, gradient))
    told = experiment.evaluate(state, batch, jax.random.key(0))
    assert float(told["loss"].total / told["loss"].weight) == pytest.approx(float(value), rel=1e-5)
    after, _ = jax.jit(experiment.update)(state, batch, jax.random.key(0))
    jax.tree.map(
        lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6),
        after.params,
        expected,
    )


def test_what_is_out_of_range_is_refused():
    config = reber_gru.config
    assert problems_of(config) == [] == problems_of(config.smoke())
    wrong = replace(config, epochs=-1, batch_size=10_001, units=0, groups=0)
    assert len(problems_of(wrong)) == 4
    assert len(problems_of(replace(config, groups=7))) == 1
