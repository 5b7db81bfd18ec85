"""A contractive autoencoder: a code that changes little when the image does.

Run: python launch.py run generative/contractive
Expected: validation bce .294
Time: 80 s
"""

from research.generative.kinds import Contractive

config = Contractive(epochs=10)
