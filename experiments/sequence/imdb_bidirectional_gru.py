"""Two GRUs read a review of a film, one of them backwards, and classify it by sentiment.

`imdb_gru`, with a second layer beside it that reads from the last word to the first.

Run: python launch.py run sequence/imdb_bidirectional_gru
Expected: test accuracy .888
Time: 2 min, after 10 s of reading words
"""

from research.sequence.classification.sentiment import RecurrentSentiment

config = RecurrentSentiment(epochs=4, bidirectional=True)
