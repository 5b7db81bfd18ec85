"""The predictor of a model of chorales: the note that follows, voice by voice."""

from __future__ import annotations

import numpy as np

from research.engine.experiment import Batch
from research.prediction import Inputs, Own, Predictor, Tokens
from research.sequence.characters.next_token import make_next_token
from research.sequence.characters.writing import Writer
from research.sequence.chorales.chords import Notes, read_prompt, spell_note

TAKES = 'chords, a quarter note each: "C5 G4 E4 C3; D5 A4 F4 D3"; or FILE.csv'


def next_note(writer: Writer[Notes]) -> Predictor:
    """The predictor of the note after each of a chorale."""
    vocabulary = writer.vocabulary

    def split(batch: Batch) -> tuple[Inputs, np.ndarray]:
        note = np.asarray(batch["note"], np.int32)
        is_real = np.arange(1, note.shape[1]) < batch["note/count"][:, None]
        return {"token": note[:, :-1]}, np.where(is_real, note[:, 1:], -1)

    def read(word: str) -> Own:
        token = vocabulary.encode(read_prompt(word, ""), word).astype(np.int32)
        return Own(word, {"token": token[None]})

    symbols = tuple(spell_note(number) for number in vocabulary.numbers)
    outputs = Tokens(symbols, unit="notes")
    return make_next_token(writer, outputs, split, read, TAKES)
