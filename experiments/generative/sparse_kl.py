"""A sparse autoencoder: each of 300 numbers is to be active in a tenth of the images.

Run: python launch.py run generative/sparse_kl
Expected: validation bce .262 (.3054 in Géron, 2nd edition, chapter 17)
Time: 35 s
"""

from research.generative.kinds import Sparse

config = Sparse(divergence=1e-4, code_size=300, epochs=10, optimizer="nadam", learning_rate=1e-3)
