"""An importance-weighted autoencoder of MNIST in black and white: fifty codes of each image.

The net and the data of `mnist_vae`.

Run: python launch.py run generative/mnist_iwae
Expected: test nll 91.48 ± .10 after --epochs 20 (3 seeds; 84.78 in Burda et al. 2015, arXiv
  1509.00519)
Time: 4 h
"""

from dataclasses import replace

from experiments.generative.mnist_vae import config as vae

config = replace(vae, importance_samples=50)
