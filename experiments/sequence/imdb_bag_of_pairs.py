"""A weight for each word and each pair of neighbours classifies a review by sentiment.

`imdb_bag_of_words` with the 200,000 commonest words and pairs of words that follow each other, so
that "not good" and "waste of" count for themselves (Wang and Manning 2012, "Baselines and Bigrams",
have .912 with Naive Bayes' weights to start from, .892 without). No order beyond that counts, and
it is the most accurate of these.

Run: python launch.py run sequence/imdb_bag_of_pairs
Expected: test accuracy .910
Time: 5 s, after 25 s of reading words and pairs
"""

from research.sequence.classification.sentiment import BagOfWordsSentiment

config = BagOfWordsSentiment(length=600, words=200_000, longest=2, word_dropout_rate=0.0)
