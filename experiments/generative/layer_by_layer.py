"""A stacked autoencoder trained one layer at a time, then as a whole.

Ten passes for the outer layers, ten for the inner ones on the codes of the outer, ten for all.

Run: python launch.py run generative/layer_by_layer
Expected: validation bce .281 (.2871, rounded accuracy .9356, in Géron, 2nd edition, chapter 17)
Time: 45 s
"""

from research.generative.layer_by_layer import LayerByLayer

config = LayerByLayer()
