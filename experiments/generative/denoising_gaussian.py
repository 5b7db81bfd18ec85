"""A denoising autoencoder: noise of standard deviation .2 on each pixel of its input.

Run: python launch.py run generative/denoising_gaussian
Expected: validation bce .276 (.2906, rounded accuracy .9299, in Géron, 2nd edition, chapter 17)
Time: 40 s
"""

from research.generative.kinds import Denoising

config = Denoising(noise=0.2, epochs=10, optimizer="nadam", learning_rate=1e-3)
