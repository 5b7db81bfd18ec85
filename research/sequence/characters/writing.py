"""Sampling texts, or music, from a language model: each token drawn is the next one read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from research.data.text import Alphabet
from research.engine.experiment import Glimpse, Key

CHUNK = 128
"""Characters that are written by one compiled call: more are faster, fewer come sooner."""

GLIMPSE = 300
"""Characters of the sample that a run displays at each evaluation."""


V = TypeVar("V")
"""What tokens stand for: of texts an `Alphabet`."""


class Writer(NamedTuple, Generic[V]):
    """Generation of texts by the state of an experiment.

    Attributes:
        vocabulary: of its characters.
        resting: how many texts -> their blank memory.
        read: (state, memory, int `[texts, time]`) -> the memory afterwards, and logits of what
            follows the last character, float32 `[texts, vocabulary]`.
    """

    vocabulary: V
    resting: Callable[[int], Any]
    read: Callable[[Any, Any, jax.Array], tuple[Any, jax.Array]]


class Sampling(NamedTuple):
    """How characters are drawn from their logits.

    Attributes:
        temperature: what logits are divided by; 0 for always the likeliest.
        top_k: only so many of the likeliest; all if 0.
        top_p: only the likeliest that together have this probability, at least one.
    """

    temperature: jax.Array | float = 1.0
    top_k: jax.Array | int = 0
    top_p: jax.Array | float = 1.0


def choose(logits: jax.Array, sampling: Sampling, key: Key) -> jax.Array:
    """One character for each text, int32 `[...]`, from logits float32 `[..., vocabulary]`.

    The values of `sampling` may be traced.

    Source: Ackley et al. 1985 (temperature); Fan et al. 2018 (arXiv 1805.04833, top-k); Holtzman
        et al. 2020 (arXiv 1904.09751), section 3.1 (top-p).
    """
    return _choose(logits, sampling, _noise(key, logits))


def _noise(key: Key, logits: jax.Array) -> jax.Array:
    """The noise of `_choose`, of the shape of logits."""
    return jax.random.gumbel(key, logits.shape, logits.dtype)


def _choose(logits: jax.Array, sampling: Sampling, noise: jax.Array) -> jax.Array:
    """`choose` by Gumbel noise, whose sum with logits is largest at a fair draw."""
    temperature, top_k, top_p = map(jnp.asarray, sampling)
    scaled = logits / jnp.maximum(temperature, 1e-6)

    def of_all() -> jax.Array:
        return jnp.argmax(scaled + noise, axis=-1)

    def of_likely() -> jax.Array:
        order = jnp.argsort(-scaled, axis=-1, stable=True)
        ordered = jax.nn.softmax(jnp.take_along_axis(scaled, order, axis=-1))
        before = jnp.cumsum(ordered, axis=-1) - ordered
        rank = jnp.arange(logits.shape[-1])
        kept = (before < top_p) & ((rank < top_k) | (top_k == 0)) | (rank == 0)
        drawn = jnp.argmax(jnp.where(kept, jnp.log(ordered), -jnp.inf) + noise, axis=-1)
        return jnp.take_along_axis(order, drawn[..., None], axis=-1)[..., 0]

    # Without a cut there is nothing to sort, which would take most of a small net's time.
    drawn = jax.lax.cond((top_k == 0) & (top_p >= 1), of_all, of_likely)
    # At temperature 0, of equals the first.
    return jnp.where(temperature > 0, drawn, jnp.argmax(logits, axis=-1)).astype(jnp.int32)


def write(
    writer: Writer, state: Any, prompt: np.ndarray, length: int, sampling: Sampling, key: Key
) -> Iterator[np.ndarray]:
    """The continuation of a prompt, a few characters at a time; the same for the same key.

    One compiled program writes `CHUNK` characters; a text depends neither on that nor on its
    length. The prompt is int `[texts, characters]`, at least one character.

    Yields:
        int32 `[texts, n]`, n at most `CHUNK`.
    """
    begin = jax.jit(partial(begin_text, writer))
    go_on = follow(writer, CHUNK)
    memory = begin(state, jnp.asarray(prompt, jnp.int32))
    sampling = Sampling(*map(jnp.asarray, sampling))
    for first in range(0, length, CHUNK):
        memory, chosen = go_on(state, memory, jnp.int32(first), sampling, key)
        yield np.asarray(chosen)[:, : length - first]


def follow(writer: Writer, count: int) -> Callable[..., tuple[Any, jax.Array]]:
    """`go_on_with` of a writer, compiled once; the memory that it is given is consumed."""
    return jax.jit(partial(go_on_with, writer, count), donate_argnums=1)


def begin_text(writer: Writer, state: Any, prompt: jax.Array) -> tuple[Any, jax.Array]:
    """The memory after a prompt, int `[texts, characters]`, and logits of what follows it."""
    return writer.read(state, writer.resting(prompt.shape[0]), prompt)


def go_on_with(
    writer: Writer,
    count: int,
    state: Any,
    memory: tuple[Any, jax.Array],
    first: jax.Array | int,
    sampling: Sampling,
    key: Key,
) -> tuple[tuple[Any, jax.Array], jax.Array]:
    """So many characters more.

    `memory` is as `begin_text` gave it, or this; `first` is how many have been written before, and
    `key` that of all draws of the text.

    Returns:
        The memory afterwards with logits of what follows, and the characters, int32 `[texts,
        count]`.
    """
    # All draws' noise at once: a loop of its own for each character would take as long as the net.
    keys = jax.vmap(partial(jax.random.fold_in, key))(first + jnp.arange(count))
    noise = jax.vmap(lambda key: _noise(key, memory[1]))(keys)

    def one(memory: tuple, noise: jax.Array) -> tuple[tuple, jax.Array]:
        before, logits = memory
        chosen = _choose(logits, sampling, noise)
        return writer.read(state, before, chosen[:, None]), chosen

    memory, chosen = jax.lax.scan(one, memory, noise)
    return memory, chosen.T


def make_glimpse(writer: Writer[Alphabet]) -> Glimpse:
    """A short text that begins anew."""
    opening = "\n" if "\n" in writer.vocabulary.symbols else writer.vocabulary.symbols[0]
    prompt = writer.vocabulary.encode(opening).astype(np.int32)[None]

    def write_glimpse(state: Any, key: Key) -> jax.Array:
        memory = begin_text(writer, state, jnp.asarray(prompt))
        return go_on_with(writer, GLIMPSE, state, memory, 0, Sampling(0.8), key)[1][0]

    return Glimpse(write_glimpse, writer.vocabulary.decode)
