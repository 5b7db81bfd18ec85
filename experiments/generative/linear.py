"""A linear autoencoder finds the plane of principal component analysis by gradient descent.

60 points in space, near a plane, become codes of two numbers and points again. The least error that
any plane has, and the angle between both planes, stand beside the figure.

Run: python launch.py run generative/linear
Expected: points mse .0034 (.0041 in Géron, 2nd edition, chapter 17, after 20 passes)
Time: 2 s
"""

from research.generative.linear import Linear

config = Linear()
