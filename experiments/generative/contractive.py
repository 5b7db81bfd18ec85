"""A contractive autoencoder: a code that changes little when the image does.

Run: python launch.py run generative/contractive
Expected: validation bce .29
Time: 1 min
"""

from research.generative.kinds import Contractive

config = Contractive(epochs=10)
