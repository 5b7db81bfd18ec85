"""A convolutional generator of clothing whose losses are squared errors (least squares GAN).

Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/least_squares
Expected: not yet recorded
Time: 30 min
"""

from dataclasses import replace

from experiments.generative.dcgan import config as dcgan

config = replace(dcgan, loss="least_squares")
