"""A transformer of six blocks learns which character comes next; for a GPU.

Width 384, six heads, windows of 256 characters, dropout .2: about the larger of the two nets of the
nanoGPT repository, which trains on `--text tiny_shakespeare`, 5,000 updates. On two cores an update
takes seconds; `char_transformer_small` is for those.

Run: python launch.py run sequence/char_transformer
Expected: nanoGPT has 1.4697 nats (its last tenth of tiny Shakespeare); not yet run to its end
Time: hours on two cores; minutes on a GPU
"""

from research.sequence.characters.language_model import TransformerLanguageModel

config = TransformerLanguageModel(
    lower=False,
    steps=5000,
    layers=6,
    features=384,
    heads=6,
    batch_size=64,
    window=256,
    learning_rate=1e-3,
    dropout_rate=0.2,
)
