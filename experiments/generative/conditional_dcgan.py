"""A convolutional adversarial generator of clothing that is asked for a class.

Both nets are given the class: the generator beside its code, the discriminator as channels (Mirza
and Osindero 2014, arXiv 1411.1784). Distances are in the features of
`vision/fashion_mnist_features`, to be run first.

Run: python launch.py run generative/conditional_dcgan
Expected: not yet recorded
Time: 35 min
"""

from dataclasses import replace

from experiments.generative.dcgan import config as dcgan

config = replace(dcgan, conditional=True)
