"""A variational autoencoder of MNIST in black and white: 784-200-200-50, by tanh.

Pixels are drawn anew each time that an image is trained on; the test split is drawn once. The net
and batches of 20 are those of Burda et al. 2015 (arXiv 1509.00519), section 5. The paper makes
3,280 passes over 60,000 images, and its learning rate, `--schedule staircase`, is made for as many.

Run: python launch.py run generative/mnist_vae
Expected: test nll 94.58 ± .10 after --epochs 20 (3 seeds; 86.76 in the paper)
Time: 15 min
"""

from functools import partial

import jax.numpy as jnp

from research.generative.codecs import DenseCodec
from research.generative.importance import ImportanceWeighted

config = ImportanceWeighted(
    net=partial(DenseCodec, activation=jnp.tanh), data_set="mnist", epochs=400, batch_size=20,
    layers=(200, 200), code_size=50, optimizer="adam", schedule="cosine", learning_rate=1e-3,
)  # fmt: skip
