"""A recurrent net over learned embeddings of characters, one layer of 128 units.

As `char_rnn_stateful`, with sixteen learned numbers for each character and a single GRU (Géron's
chapter 16, third edition, whose net is trained for ten passes; `--no-stateful` gives its
stateless one). `sample` writes from it.

Run: python launch.py run sequence/char_rnn_embedding
Expected: with --text tiny_shakespeare validation loss 1.423 over 3 seeds (G3 ch16: 1.4786)
Time: 2 min
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.characters.character_config import CharacterConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CharacterConfig):
    """What can be chosen."""

    stateful: Annotated[bool, "carry the state from window to window"] = True
    epochs: Annotated[int, "passes over the training text"] = 20
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 5e-3
    layers: Annotated[int, "recurrent layers"] = 1
    embedding: Annotated[int, "numbers that a character becomes; 0 for a unit vector"] = 16
