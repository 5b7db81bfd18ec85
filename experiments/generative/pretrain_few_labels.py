"""A classifier of clothing by 500 labels, which begins with the encoder of `convolutional`.

The encoder, trained without labels on all images, stays as it is for 30 passes; then all layers are
trained. `--encoder ""` is the same net without it.

Run: python launch.py run generative/pretrain_few_labels
Expected: validation accuracy .83, .817 without the encoder (.781 in Géron, 2nd edition, chapter 17)
Time: 12 s
"""

from experiments.generative.convolutional import config as convolutional
from research.generative.few_labels import FewLabels

config = FewLabels(autoencoder=convolutional)
