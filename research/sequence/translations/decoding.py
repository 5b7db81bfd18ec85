"""Decoding: texts from a model of the next token, greedily, by draws or by beam search.

All of a text is made by one loop on the device, over the model's memory, any pytree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from research.data.text import END, PADDING, START
from research.engine.experiment import Key
from research.sequence.characters.writing import Sampling, choose

Read: TypeAlias = Callable[[Any, Any, jax.Array, jax.Array], tuple[Any, jax.Array]]
"""(encoded source, memory, int32 `[rows]` tokens, int32 scalar how many came before) -> the memory
afterwards, and float32 `[rows, vocabulary]` logits of what follows. Leaves are `[rows, ...]`; the
encoded source stays as it is, the memory is that of the tokens read so far."""


class Decoded(NamedTuple):
    """Texts that were made.

    Attributes:
        tokens: int32 `[batch, length]`, padded after their `END`; with none where the text was not
            over after so many.
        score: float32 `[batch]`, the logarithm of its probability, of a beam divided by the length
            penalty.
        margin: float32 `[batch, length]`, how much more probable than every other the likeliest
            token was at each place, 0 after the end; None of a beam.
    """

    tokens: jax.Array
    score: jax.Array
    margin: jax.Array | None = None


def greedy(read: Read, encoded: Any, memory: Any, length: int) -> Decoded:
    """The likeliest token after each, the first of equals; at most `length` of them.

    The source and the memory before the first token have leaves `[batch, ...]`.
    """

    def likeliest(logits: jax.Array, place: jax.Array) -> jax.Array:
        # As a beam finds it: to `argmax`, -0 and 0 would be equals.
        return jax.lax.top_k(logits, 1)[1][:, 0]

    return _one_by_one(read, encoded, memory, length, likeliest)


def sample(
    read: Read, encoded: Any, memory: Any, length: int, temperature: jax.Array | float, key: Key
) -> Decoded:
    """Draws each token; as `greedy`, with a temperature that divides logits."""

    def drawn(logits: jax.Array, place: jax.Array) -> jax.Array:
        return choose(logits, Sampling(temperature), jax.random.fold_in(key, place))

    return _one_by_one(read, encoded, memory, length, drawn)


def _one_by_one(
    read: Read,
    encoded: Any,
    memory: Any,
    length: int,
    pick: Callable[[jax.Array, jax.Array], jax.Array],
) -> Decoded:
    batch = _rows(memory)

    def more(carry: tuple) -> jax.Array:
        place, over = carry[0], carry[4]
        return (place < length) & ~jnp.all(over)

    def turn(carry: tuple) -> tuple:
        place, memory, last, tokens, over, score, margin = carry
        memory, logits = read(encoded, memory, last, place)
        chosen = jnp.where(over, PADDING, pick(logits, place).astype(jnp.int32))
        logs = jnp.take_along_axis(jax.nn.log_softmax(logits), chosen[:, None], axis=-1)[:, 0]
        score = score + jnp.where(over, 0.0, logs)
        tokens = tokens.at[:, place].set(chosen)
        best, _ = jax.lax.top_k(jax.nn.softmax(logits), 2)
        margin = margin.at[:, place].set(jnp.where(over, 0.0, best[:, 0] - best[:, 1]))
        return place + 1, memory, chosen, tokens, over | (chosen == END), score, margin

    begun = (
        jnp.int32(0),
        memory,
        jnp.full(batch, START, jnp.int32),
        jnp.full((batch, length), PADDING, jnp.int32),
        jnp.zeros(batch, bool),
        jnp.zeros(batch),
        jnp.zeros((batch, length)),
    )
    _, _, _, tokens, _, score, margin = jax.lax.while_loop(more, turn, begun)
    return Decoded(tokens, score, margin)


def length_penalty(length: jax.Array, strength: jax.Array | float) -> jax.Array:
    """(5 + |Y|)^α / 6^α, the divisor of a text's log-probability.

    The length |Y| counts its `END`, too; the strength is α, 0 for none, which prefers short texts.

    Source: Wu et al. 2016 (arXiv 1609.08144), eq. 14, without its coverage penalty.
    """
    return ((5.0 + length) / 6.0) ** strength


def beam_search(
    read: Read,
    encoded: Any,
    memory: Any,
    length: int,
    width: int,
    strength: jax.Array | float = 0.0,
) -> Decoded:
    """The best texts that are found by keeping `width` of them at each token; as `greedy`.

    A text that is over stays among them as it is, and all are ranked by their penalised scores,
    with α of `length_penalty`. So a beam of 1 is `greedy`, and one that has room for every text
    finds the best of all.

    Returns:
        `tokens` `[batch, width, length]` and `score` `[batch, width]`, the best first; a score of
        -inf where there are fewer texts than that.
    """
    batch = _rows(memory)
    encoded, memory = (
        jax.tree.map(lambda leaf: jnp.repeat(leaf, width, 0), t) for t in (encoded, memory)
    )

    def more(carry: tuple) -> jax.Array:
        place, _, _, over, _, _, _ = carry
        return (place < length) & ~jnp.all(over)

    def turn(carry: tuple) -> tuple:
        place, memory, tokens, over, log, size, last = carry
        memory, logits = read(encoded, memory, last.reshape(-1), place)
        vocabulary = logits.shape[-1]
        logs = jax.nn.log_softmax(logits).reshape(batch, width, vocabulary)
        # By logits: two that differ may have the same rounded logarithms.
        _, chosen = jax.lax.top_k(logits.reshape(batch, width, vocabulary), min(width, vocabulary))
        logs = jnp.take_along_axis(logs, chosen, axis=-1)
        # A text that is over goes on in one way alone, with nothing.
        alone = jnp.where(jnp.arange(chosen.shape[-1]) == 0, 0.0, -jnp.inf)
        total = log[..., None] + jnp.where(over[..., None], alone, logs)
        chosen = jnp.where(over[..., None], PADDING, chosen)
        larger = size + ~over
        ranked = (total / length_penalty(larger, strength)[..., None]).reshape(batch, -1)
        _, best = jax.lax.top_k(ranked, width)
        parent = best // chosen.shape[-1]

        def of_best(leaf: jax.Array) -> jax.Array:
            return jnp.take_along_axis(leaf.reshape(batch, -1), best, axis=1)

        def of_parent(leaf: jax.Array) -> jax.Array:
            return jnp.take_along_axis(leaf, parent, axis=1)

        rows = (parent + width * jnp.arange(batch)[:, None]).reshape(-1)
        memory = jax.tree.map(lambda leaf: leaf[rows], memory)
        last = of_best(chosen).astype(jnp.int32)
        tokens = jnp.take_along_axis(tokens, parent[..., None], axis=1)
        tokens = tokens.at[:, :, place].set(last)
        over = of_parent(over) | (last == END)
        return place + 1, memory, tokens, over, of_best(total), of_parent(larger), last

    # All begin alike: only the first counts, or the others would be its copies.
    log = jnp.where(jnp.arange(width) == 0, 0.0, -jnp.inf)
    begun = (
        jnp.int32(0),
        memory,
        jnp.full((batch, width, length), PADDING, jnp.int32),
        jnp.zeros((batch, width), bool),
        jnp.broadcast_to(log, (batch, width)),
        jnp.zeros((batch, width), jnp.int32),
        jnp.full((batch, width), START, jnp.int32),
    )
    _, _, tokens, _, log, size, _ = jax.lax.while_loop(more, turn, begun)
    return Decoded(tokens, log / length_penalty(size, strength))


def _rows(memory: Any) -> int:
    rows: int = jax.tree.leaves(memory)[0].shape[0]
    return rows
