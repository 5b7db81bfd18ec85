"""The mean of a review's embedded words classifies it as positive or negative.

A bag of words whose weights go through 64 numbers a word, learned from nothing, and a mean over
the words that are there; padding is none. Half of what is embedded is dropped in training, and a
fifth of the words is hidden (taken for unknown). Géron's chapter 16 has .751 for such a net.

Run: python launch.py run sequence/imdb_mean_embedding
Expected: test accuracy .886
Time: 7 s, after 10 s of reading words
"""

from research.sequence.classification.sentiment import MeanEmbeddingSentiment

config = MeanEmbeddingSentiment(epochs=8, length=400)
