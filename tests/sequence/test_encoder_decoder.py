"""Nets that translate: one way of computing against another, padding, and where they look."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.data.text import START
from research.sequence.translations.encoder_decoder import EncoderDecoder
from research.sequence.translations.transformer_translator import TransformerTranslator
from research.sequence.translations.translator import Method, shift_right, write_targets

pytestmark = pytest.mark.usefixtures("plainly_compiled")

SYMBOLS, TARGETS = 9, 11
close = functools.partial(np.testing.assert_allclose, rtol=2e-4, atol=2e-5)
SOURCE = jnp.array([[4, 5, 6, 7, 8], [8, 7, 0, 0, 0], [5, 4, 6, 0, 0]])
TARGET = jnp.array([[4, 10, 6, 2], [5, 2, 0, 0], [9, 8, 2, 0]])

NETS = {
    "none": EncoderDecoder(SYMBOLS, TARGETS, 5, 6),
    "gru": EncoderDecoder(SYMBOLS, TARGETS, 5, 6, cell="gru", bidirectional=True),
    "additive": EncoderDecoder(SYMBOLS, TARGETS, 5, 6, attention="additive"),
    "bahdanau": EncoderDecoder(
        SYMBOLS, TARGETS, 5, 6, cell="gru", bidirectional=True, attention="additive"
    ),
    "multiplicative": EncoderDecoder(
        SYMBOLS, TARGETS, 5, 6, bidirectional=True, attention="multiplicative"
    ),
    "transformer": TransformerTranslator(SYMBOLS, TARGETS, 8, 2, 16, 2, 4),
}
LOOKING = [name for name in NETS if name not in ("none", "gru")]


@pytest.fixture(params=NETS)
def name(request):
    return request.param


@functools.cache
def applied(name, method=None):
    """A net as one program: of many small ones, compiling would take most of the time."""
    return jax.jit(functools.partial(NETS[name].apply, method=method))


@functools.cache
def variables_of(name):
    variables = jax.jit(NETS[name].init)(jax.random.key(0), SOURCE, shift_right(TARGET))
    # Larger than at the start, so that what is not seen would be noticed.
    return jax.tree.map(lambda leaf: 2 * leaf + 0.1, variables)


def written(net, variables, method):
    return jax.jit(lambda variables: write_targets(net, variables, SOURCE, 4, method))(variables)


def test_targets_are_given_from_their_start_on():
    np.testing.assert_array_equal(shift_right(TARGET)[:, 1:], TARGET[:, :-1])
    assert (np.asarray(shift_right(TARGET))[:, 0] == START).all()


def test_given_all_at_once_or_one_by_one_the_logits_are_the_same(name):
    variables = variables_of(name)
    logits, weights = applied(name)(variables, SOURCE, shift_right(TARGET))
    stays, memory = applied(name, "encode")(variables, SOURCE)
    for place in range(TARGET.shape[1]):
        memory, one, looked = applied(name, "step")(
            variables, stays, memory, shift_right(TARGET)[:, place], jnp.int32(place)
        )
        close(one, logits[:, place])
        assert (looked is None) == (weights is None) == (name not in LOOKING)
        if weights is not None:
            close(looked, weights[:, place])


def test_padding_changes_nothing(name):
    variables = variables_of(name)
    logits, _ = applied(name)(variables, SOURCE, shift_right(TARGET))
    wider, _ = applied(name)(variables, jnp.pad(SOURCE, ((0, 0), (0, 3))), shift_right(TARGET))
    close(wider, logits)
    alone, _ = applied(name)(variables, SOURCE[1:2, :2], shift_right(TARGET)[1:2])
    close(alone[0], logits[1])
    # A symbol there instead of padding does.
    other, _ = applied(name)(variables, SOURCE.at[1, 2].set(4), shift_right(TARGET))
    assert np.abs(other[1] - logits[1]).max() > 1e-3
    close(other[0], logits[0])


def test_what_comes_later_in_a_target_is_not_seen(name):
    variables = variables_of(name)
    logits, _ = applied(name)(variables, SOURCE, shift_right(TARGET))
    other, _ = applied(name)(variables, SOURCE, shift_right(TARGET).at[:, 2].set(7))
    close(other[:, :2], logits[:, :2])
    assert np.abs(other[:, 2:] - logits[:, 2:]).max() > 1e-3


@pytest.mark.parametrize("name", LOOKING, indirect=True)
def test_it_looks_at_all_that_is_there_and_at_no_padding(name):
    _, weights = applied(name)(variables_of(name), SOURCE, shift_right(TARGET))
    there = np.asarray(SOURCE != 0)[:, None]
    assert weights.shape == (3, 4, 5)
    close(np.where(there, weights, 0).sum(-1), 1.0)
    assert not np.asarray(weights)[~np.broadcast_to(there, weights.shape)].any()
    assert (np.asarray(weights)[np.broadcast_to(there, weights.shape)] > 0).all()


def test_attention_takes_part(name):
    """Without the encoder's outputs the logits differ; a net without attention has none."""
    variables = variables_of(name)
    stays, memory = applied(name, "encode")(variables, SOURCE)
    symbol, place = jnp.full(3, START), jnp.int32(0)
    _, logits, _ = applied(name, "step")(variables, stays, memory, symbol, place)
    blind = stays._replace(outputs=jnp.zeros_like(stays.outputs))
    _, other, _ = applied(name, "step")(variables, blind, memory, symbol, place)
    if name in LOOKING:
        assert np.abs(other - logits).max() > 1e-3
    else:
        np.testing.assert_array_equal(other, logits)


def test_a_text_starts_where_the_encoder_ended():
    name = "gru"
    variables = variables_of(name)
    _, (state,) = applied(name, "encode")(variables, SOURCE)
    assert state.shape == (3, 6)
    # The first half saw the source's end last, the other half its beginning.
    _, (other,) = applied(name, "encode")(variables, SOURCE[:, 1:])
    assert np.abs(other - state).max() > 1e-4
    close(*(applied(name, "encode")(variables, rows)[1][0][1] for rows in (SOURCE, SOURCE[:, :3])))


@pytest.mark.parametrize("method", [Method(), Method(beam=3, strength=0.6)])
def test_what_is_written_has_neither_padding_nor_a_second_start(name, method):
    variables = variables_of(name)
    made = written(NETS[name], variables, method)
    numbers = np.asarray(made.tokens).reshape(-1, 4)
    assert not (numbers == START).any()
    for row in numbers.tolist():
        over = row.index(2) if 2 in row else 3
        assert 0 not in row[: over + 1] and not any(row[over + 1 :])


@pytest.mark.parametrize("name", ["bahdanau", "transformer"], indirect=True)
def test_a_beam_moves_the_memory_of_each_text_with_it(name):
    """The score that a beam tells is that of the text, read again from its beginning."""
    variables = variables_of(name)
    made = written(NETS[name], variables, Method(beam=5))
    for row in range(3):
        for numbers, score in zip(made.tokens[row], made.score[row], strict=True):
            logits, _ = applied(name)(variables, SOURCE[row : row + 1], shift_right(numbers[None]))
            logs = jax.nn.log_softmax(logits[0].at[:, jnp.array([0, 1])].set(-jnp.inf))
            told = sum(float(logs[k, n]) for k, n in enumerate(numbers.tolist()) if n)
            assert told == pytest.approx(float(score), rel=1e-3, abs=1e-4)
