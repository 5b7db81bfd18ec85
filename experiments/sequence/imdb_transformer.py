"""A small transformer reads a review of a film and classifies it as positive or negative.

One block of attention, in which every word sees every other and knows where it is by rotation; the
mean of its outputs over the words is classified. Learned from scratch, like the others.

Run: python launch.py run sequence/imdb_transformer
Expected: test accuracy .856 over 3 seeds
Time: 1 min, after 10 s of reading words
"""

from research.sequence.classification.sentiment import TransformerSentiment

config = TransformerSentiment(epochs=3, length=128, learning_rate=1e-3, dropout_rate=0.2)
