"""A transformer of six blocks learns which character comes next; for a GPU.

Width 384, six heads, windows of 256 characters, dropout .2: about the larger of the two nets of the
nanoGPT repository, which trains on `--text tiny_shakespeare`, 5,000 updates. On two cores an update
takes seconds; `char_transformer_small` is for those.

Run: python launch.py run sequence/char_transformer
Expected: nanoGPT has 1.4697 nats (its last tenth of tiny Shakespeare); not yet run to its end
Time: hours on two cores; minutes on a GPU
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from research.sequence.characters.transformer_config import TransformerConfig, make, smoke, validate

__all__ = ["Config", "make", "smoke", "validate"]


@dataclass(frozen=True)
class Config(TransformerConfig):
    """What can be chosen."""

    steps: Annotated[int, "updates, each of windows drawn without replacement"] = 5000
    layers: Annotated[int, "blocks of attention and dense layers"] = 6
    features: Annotated[int, "of every layer"] = 384
    heads: Annotated[int, "of every attention"] = 6
    batch_size: Annotated[int, "windows in one update"] = 64
    window: Annotated[int, "characters in a window, all that is seen"] = 256
    learning_rate: Annotated[float, "AdamW's step size at its highest, falling by cosine"] = 1e-3
    dropout_rate: Annotated[float, "share dropped of what each part of a block adds"] = 0.2
