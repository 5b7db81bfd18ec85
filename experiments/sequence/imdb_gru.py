"""A GRU reads a review of a film, skips its padding, and classifies it by sentiment.

Each word becomes 64 numbers that are learned from nothing; the GRU reads the last 200 words (of
a mean embedding, these gave a validation loss of .314 and the first 200 gave .324). Shorter
reviews are padded at their ends, and where there is padding the memory stays what it is:
`imdb_gru_unmasked` differs in that alone. A fifth of the words is hidden in training (taken for
unknown), and half of what is embedded and of what is remembered at the end is dropped. Géron's
chapter 16 has .855 to .870 with a mask and .50 without.

Run: python launch.py run sequence/imdb_gru
Expected: test accuracy .886
Time: 50 s, after 10 s of reading words
"""

from research.sequence.classification.sentiment import RecurrentSentiment

config = RecurrentSentiment(epochs=4)
