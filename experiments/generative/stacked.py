"""A stacked autoencoder of clothing: 784 pixels to a code of 30 numbers and back.

Dense layers with SELU, 784-100-30-100-784, trained by plain SGD on the binary cross-entropy of each
pixel.

Run: python launch.py run generative/stacked
Expected: validation bce .281 (.2842, rounded accuracy .9366, in Géron, 2nd edition, chapter 17)
Time: 55 s
"""

from research.generative.autoencoder import Autoencoder

config = Autoencoder()
