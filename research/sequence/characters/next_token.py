"""Predictors of language models, of texts or of music: the token that follows, by a memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from research.data.own_text import read_own
from research.data.text import Alphabet
from research.engine.experiment import Batch, State
from research.errors import Mistake
from research.prediction import Carried, Inputs, Outputs, Own, Predictor, Tokens
from research.sequence.characters.writing import Writer

TAKES = "the beginning of a text in quotes, or a file that holds it"


def make_next_token(
    writer: Writer[Any],
    outputs: Tokens,
    split: Callable[[Batch], tuple[Inputs, np.ndarray]],
    read: Callable[[str], Own],
    takes: str,
) -> Predictor:
    """The predictor of what follows a token, `token` int32 `[batch]`, and those before it.

    Args:
        writer: reads tokens; its memory of no tokens is 0.
        outputs: what tokens stand for.
        split: as `Predictor` has it, and
        read: likewise: `token`, int32 `[1, time]`; and
        takes: what it reads, for people.
    """
    one, two = (jax.eval_shape(lambda count=count: writer.resting(count)) for count in (1, 2))
    # What all rows share, such as the number of tokens so far, is carried for each by itself.
    batched = jax.tree.map(lambda one, two: one.shape != two.shape, one, two)
    alone = not jax.tree.all(batched)

    def row_of(leaf: jax.ShapeDtypeStruct, has_batch: bool) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape[1:] if has_batch else leaf.shape, leaf.dtype)

    carried = Carried.of("memory", jax.tree.map(row_of, one, batched))

    def read_row(state: State, memory: Any, token: jax.Array) -> tuple[Any, jax.Array]:
        memory = jax.tree.map(lambda leaf, has: leaf[None] if has else leaf, memory, batched)
        memory, logits = writer.read(state, memory, token[None, None])
        return jax.tree.map(lambda leaf, has: leaf[0] if has else leaf, memory, batched), logits[0]

    def predict(state: State, inputs: Inputs) -> Outputs:
        memory, token = carried.join(inputs), inputs["token"]
        if alone:
            memory, logits = jax.vmap(read_row, (None, 0, 0))(state, memory, token)
        else:
            memory, logits = writer.read(state, memory, token[:, None])
        return {"logits": logits.astype(jnp.float32), **carried.split(memory)}

    return Predictor(
        apply=predict,
        examples={"token": jax.ShapeDtypeStruct((1,), jnp.int32), **carried.shapes},
        outputs=outputs,
        split=split,
        read=read,
        takes=takes,
        carried=carried.shapes,
    )


def next_character(writer: Writer[Alphabet]) -> Predictor:
    """The predictor of the character after each of a text."""
    vocabulary = writer.vocabulary

    def split(batch: Batch) -> tuple[Inputs, np.ndarray]:
        symbol = np.asarray(batch["symbol"], np.int32)
        return {"token": symbol[:, :-1]}, symbol[:, 1:]

    def read(word: str) -> Own:
        text, name = read_own(word)
        if not text:
            raise Mistake(f"{name!r} is empty; this model takes {TAKES}")
        token = vocabulary.encode(text, name).astype(np.int32)
        return Own(name, {"token": token[None]})

    outputs = Tokens(tuple(vocabulary.symbols), lower=vocabulary.lower)
    return make_next_token(writer, outputs, split, read, TAKES)
