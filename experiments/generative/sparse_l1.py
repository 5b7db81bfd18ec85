"""A sparse autoencoder: a code of 300 numbers, whose sum costs.

Run: python launch.py run generative/sparse_l1
Expected: validation bce .264 (.3210 in Géron, 2nd edition, chapter 17)
Time: 35 s
"""

from research.generative.kinds import Sparse

config = Sparse(l1=1e-4, code_size=300, epochs=10, optimizer="nadam", learning_rate=1e-3)
