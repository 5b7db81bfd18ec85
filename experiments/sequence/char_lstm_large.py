"""Two large LSTM layers with dropout read a text from its beginning to its end.

As `char_rnn_stateful`, with twice the units and a quarter of what one layer tells the next
dropped (Zaremba et al. 2014, arXiv 1409.2329). `sample` writes from it.

Run: python launch.py run sequence/char_lstm_large
Expected: with --text tiny_shakespeare validation loss 1.332, one seed (test 1.501)
Time: 28 min on one core, some 10 on two
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.characters.character_config import (
    CellName,
    CharacterConfig,
    make,
    smoke,
    validate,
)

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(CharacterConfig):
    """What can be chosen."""

    stateful: Annotated[bool, "carry the state from window to window"] = True
    epochs: Annotated[int, "passes over the training text"] = 15
    learning_rate: Annotated[float, "Adam's step size at the start, falling by cosine"] = 5e-3
    cell: Annotated[CellName, "kind of recurrent neuron"] = "lstm"
    units: Annotated[int, "units of each recurrent layer"] = 256
    dropout_rate: Annotated[float, "share dropped of what a layer gives the next"] = 0.25
