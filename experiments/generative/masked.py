"""A masked autoencoder of clothing: 12 of 49 patches are given, the other 37 are made up.

A transformer of three blocks over the patches to be seen, and one block over all.

Run: python launch.py run generative/masked
Expected: not yet recorded
Time: 15 min
"""

from research.generative.masked import Masked

config = Masked(
    epochs=10, batch_size=128, groups=8, optimizer="adamw", schedule="cosine", learning_rate=2e-3
)
