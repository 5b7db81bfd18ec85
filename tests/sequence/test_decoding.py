"""Greedy decoding, draws and beams on a small chain of symbols, against all texts there are."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.text import END, PADDING, START
from research.sequence.translations.decoding import beam_search, greedy, length_penalty, sample

pytestmark = pytest.mark.usefixtures("plainly_compiled")

BATCH, SYMBOLS, LENGTH = 3, 6, 4
"""Of 6 symbols, `END` and three others follow; `PADDING` and `START` never do."""


@pytest.fixture(scope="module")
def table():
    """Logits of what follows two symbols, for each text of a batch."""
    drawn = 2 * jax.random.normal(jax.random.key(7), (BATCH, SYMBOLS, SYMBOLS, SYMBOLS))
    return drawn.at[..., jnp.array([PADDING, START])].set(-jnp.inf)


def read(table, memory, symbol, place):
    """Remembers one symbol: `{"before": [rows]}`, and how many it has read."""
    rows = jnp.arange(len(symbol))
    logits = table[rows, memory["before"], symbol]
    return {"before": symbol, "read": memory["read"] + 1}, logits


def resting(batch=BATCH):
    return {"before": jnp.full(batch, PADDING), "read": jnp.zeros((batch, 2), jnp.int32)}


def log_of(table, numbers):
    """The logarithm of a text's probability, symbol by symbol."""
    before, last, total = PADDING, START, 0.0
    for number in numbers:
        logits = np.asarray(table[before, last], np.float64)
        total += logits[number] - np.log(np.exp(logits).sum())
        if number == END:
            break
        before, last = last, number
    return total


def all_texts():
    """Every text of at most `LENGTH` symbols: over, or cut there."""
    others = [number for number in range(SYMBOLS) if number not in (PADDING, START, END)]
    texts = list(itertools.product(others, repeat=LENGTH))
    for size in range(LENGTH):
        texts += [(*text, END) for text in itertools.product(others, repeat=size)]
    return texts


@pytest.mark.parametrize("strength", [0.0, 0.6, 2.0])
def test_a_beam_with_room_for_all_texts_finds_what_brute_force_finds(table, strength):
    texts = all_texts()
    width = len(texts)
    found = jax.jit(lambda table, alpha: beam_search(read, table, resting(), LENGTH, width, alpha))(
        table, strength
    )
    for row in range(BATCH):
        scores = {
            text: log_of(table[row], text) / ((5 + len(text)) / 6) ** strength for text in texts
        }
        expected = sorted(texts, key=scores.__getitem__, reverse=True)
        np.testing.assert_allclose(
            found.score[row], [scores[text] for text in expected], rtol=1e-4, atol=1e-5
        )
        for text, numbers in zip(expected, found.tokens[row], strict=True):
            assert (*text, *[PADDING] * (LENGTH - len(text))) == tuple(numbers.tolist())


def test_a_length_penalty_changes_what_is_best(table):
    best = {
        strength: beam_search(read, table, resting(), LENGTH, 40, strength).tokens[:, 0]
        for strength in (0.0, 5.0)
    }
    sizes = {strength: int((numbers != PADDING).sum()) for strength, numbers in best.items()}
    assert sizes[5.0] > sizes[0.0]


def test_the_penalty_is_its_equation():
    assert float(length_penalty(jnp.float32(1), 0.7)) == pytest.approx(1.0)
    assert float(length_penalty(jnp.float32(13), 0.5)) == pytest.approx(3**0.5)
    assert float(length_penalty(jnp.float32(13), 0.0)) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_1_is_greedy_to_the_symbol(seed):
    table = jax.random.normal(jax.random.key(seed), (64, SYMBOLS, SYMBOLS, SYMBOLS))
    # Equals: of several likeliest symbols both take the first.
    table = jnp.round(table).at[..., jnp.array([PADDING, START])].set(-jnp.inf)
    one = beam_search(read, table, resting(64), 9, 1, 0.6)
    other = greedy(read, table, resting(64), 9)
    np.testing.assert_array_equal(one.tokens[:, 0], other.tokens)
    size = np.asarray((other.tokens != PADDING).sum(1))
    np.testing.assert_allclose(one.score[:, 0], other.score / length_penalty(size, 0.6), rtol=1e-5)


def test_greedy_takes_the_likeliest_and_stops_at_its_end(table):
    made = greedy(read, table, resting(), 9)
    for row in range(BATCH):
        before, last, expected = PADDING, START, []
        for _ in range(9):
            number = int(np.argmax(table[row, before, last]))
            expected.append(number)
            before, last = last, number
            if number == END:
                break
        expected += [PADDING] * (9 - len(expected))
        assert made.tokens[row].tolist() == expected
        assert float(made.score[row]) == pytest.approx(
            log_of(table[row], [number for number in expected if number]), rel=1e-4
        )
    # A longer loop changes nothing of a text that is over.
    longer = greedy(read, table, resting(), 12)
    np.testing.assert_array_equal(longer.tokens[:, :9], made.tokens)


def test_a_wider_beam_finds_nothing_worse_and_texts_do_not_disturb_each_other(table):
    found = [beam_search(read, table, resting(), LENGTH, width) for width in (1, 4, 40)]
    best = [np.asarray(some.score[:, 0]) for some in found]
    assert np.all(best[2] >= best[0] - 1e-6) and np.all(best[2] >= best[1] - 1e-6)
    assert np.any(best[2] > best[0])
    for row in range(BATCH):
        alone = beam_search(read, table[row : row + 1], resting(1), LENGTH, 4)
        np.testing.assert_array_equal(alone.tokens[0], found[1].tokens[row])


def test_draws_follow_probabilities(table):
    count = 4000
    many = jnp.repeat(table[:1], count, axis=0)
    made = sample(read, many, resting(count), LENGTH, 1.0, jax.random.key(0))
    again = sample(read, many, resting(count), LENGTH, 1.0, jax.random.key(0))
    np.testing.assert_array_equal(made.tokens, again.tokens)
    for text in sorted(all_texts(), key=lambda text: -log_of(table[0], text))[:3]:
        padded = [*text, *[PADDING] * (LENGTH - len(text))]
        share = float(np.mean(np.all(np.asarray(made.tokens) == padded, axis=1)))
        expected = np.exp(log_of(table[0], text))
        assert abs(share - expected) < 4 * (expected / count) ** 0.5
    cold = sample(read, table, resting(), LENGTH, 0.0, jax.random.key(0))
    np.testing.assert_array_equal(cold.tokens, greedy(read, table, resting(), LENGTH).tokens)
