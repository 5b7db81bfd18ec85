"""A variational autoencoder of clothing: 784-150-100-10, codes of which are drawn.

Run: python launch.py run generative/variational
Expected: validation elbo -244, bce .29 (.3135, mse .0311, in Géron, 2nd and 3rd edition)
Time: 75 s
"""

from research.generative.variational import Variational

config = Variational(
    epochs=25, batch_size=128, layers=(150, 100), code_size=10, optimizer="rmsprop",
    learning_rate=1e-3,
)  # fmt: skip
