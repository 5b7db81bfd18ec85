"""Writing: which characters are drawn, and that a text depends on its key alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.text import Alphabet
from research.sequence.characters import writing
from research.sequence.characters.character_net import CharacterNet
from research.sequence.characters.writing import Sampling, Writer, choose, write

pytestmark = pytest.mark.usefixtures("plainly_compiled")

PROBABILITY = np.array([0.5, 0.25, 0.15, 0.1])
DRAWS = 20_000


def _shares(taste, probability=PROBABILITY):
    logits = jnp.log(jnp.broadcast_to(jnp.asarray(probability), (DRAWS, len(probability))))
    drawn = np.asarray(jax.jit(choose)(logits, taste, jax.random.key(0)))
    assert drawn.dtype == np.int32
    return np.bincount(drawn, minlength=len(probability)) / DRAWS


@pytest.mark.parametrize(
    ("taste", "expected"),
    [
        (Sampling(), PROBABILITY),
        (Sampling(temperature=0.5), PROBABILITY**2 / np.sum(PROBABILITY**2)),
        (Sampling(temperature=2.0), PROBABILITY**0.5 / np.sum(PROBABILITY**0.5)),
        (Sampling(temperature=0.0), [1, 0, 0, 0]),
        (Sampling(top_k=1), [1, 0, 0, 0]),
        (Sampling(top_k=2), [2 / 3, 1 / 3, 0, 0]),
        (Sampling(top_k=9), PROBABILITY),
        (Sampling(top_p=0.5), [1, 0, 0, 0]),
        (Sampling(top_p=0.6), [2 / 3, 1 / 3, 0, 0]),
        (Sampling(top_p=1e-9), [1, 0, 0, 0]),
        (Sampling(top_k=3, top_p=0.6), [2 / 3, 1 / 3, 0, 0]),
    ],
)
def test_characters_are_drawn_as_often_as_they_should_be(taste, expected):
    order = [2, 0, 3, 1]  # whatever their place
    shares = _shares(taste, PROBABILITY[order])
    np.testing.assert_allclose(shares, np.asarray(expected)[order], atol=0.015)


def test_at_temperature_0_the_first_of_equals_is_drawn():
    assert _shares(Sampling(temperature=0.0), np.array([0.2, 0.4, 0.4])).tolist() == [0, 1, 0]


@pytest.fixture(scope="module")
def model():
    net = CharacterNet(4, "lstm", (6, 5))
    params = net.init(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    params = jax.tree.map(lambda leaf: 3 * leaf, params)

    def read(state, memory, numbers):
        logits, memory = net.apply(state, numbers, memory)
        return memory, logits[:, -1]

    return net, params, Writer(Alphabet("abcd"), net.resting, read)


def _text(model, length, taste=None, key=0, prompt=((0, 1, 2),)):
    _, params, writer = model
    parts = write(
        writer, params, np.array(prompt), length, taste or Sampling(), jax.random.key(key)
    )
    return np.concatenate(list(parts), axis=1)


def test_greedy_writing_is_reading_the_whole_text_again_and_again(model):
    """Against the net without a carried state, which is shown all that was written."""
    net, params, _ = model
    text = [0, 1, 2]
    apply = jax.jit(net.apply)
    for _ in range(20):
        logits, _ = apply(params, jnp.array([text]))
        text.append(int(jnp.argmax(logits[0, -1])))
    written = _text(model, 20, Sampling(temperature=0.0))
    assert written[0].tolist() == text[3:]
    assert len(set(text[3:])) > 1, "a text of one character would not tell"


def test_a_text_depends_on_its_key_and_neither_on_length_nor_chunks(model, monkeypatch):
    whole = _text(model, 40)
    np.testing.assert_array_equal(_text(model, 7), whole[:, :7])
    monkeypatch.setattr(writing, "CHUNK", 3)
    np.testing.assert_array_equal(_text(model, 40), whole)
    assert (_text(model, 40, key=1) != whole).any()
    assert (_text(model, 40, prompt=((3,),)) != whole).any()


def test_several_texts_are_written_at_once(model):
    written = _text(model, 30, prompt=((0, 1), (3, 3)))
    assert written.shape == (2, 30) and (written[0] != written[1]).any()
