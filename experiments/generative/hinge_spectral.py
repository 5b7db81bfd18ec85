"""A convolutional generator of clothing with a hinge loss; its discriminator's kernels are normed.

Spectral normalisation takes the place of a gradient penalty (Miyato et al. 2018, arXiv 1802.05957).
Distances are in the features of `vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/hinge_spectral
Expected: not yet recorded
Time: 30 min
"""

from dataclasses import replace

from experiments.generative.dcgan import config as dcgan

config = replace(dcgan, loss="hinge", spectral=True)
