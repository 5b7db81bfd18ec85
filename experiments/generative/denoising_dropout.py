"""A denoising autoencoder: half of the pixels of its input are dropped.

Run: python launch.py run generative/denoising_dropout
Expected: validation bce .281 (.2959, rounded accuracy .9238, in Géron, 2nd edition, chapter 17)
Time: 40 s
"""

from research.generative.kinds import Denoising

config = Denoising(dropped=0.5, epochs=10, optimizer="nadam", learning_rate=1e-3)
