"""A conditional variational autoencoder of clothing: the class is given, a code is the rest.

784 pixels and the class to a normal distribution of codes of 10 numbers; a code and the class to
pixels. What is drawn as training goes on has a row for each class.

Run: python launch.py run generative/conditional
Expected: not yet recorded
Time: 6 min
"""

from research.generative.conditional import Conditional

config = Conditional(
    epochs=25, batch_size=128, groups=8, layers=(300, 100), code_size=10, optimizer="adam",
    schedule="cosine", learning_rate=1e-3,
)  # fmt: skip
