"""A simple recurrent layer reads eight weeks and forecasts the next day's ridership.

Boardings of Chicago's trains, a day ahead from 56 (Géron's chapter 15, third edition), 32 units.
The checkpoint with the lowest validation error is reported, as in the book.

Run: python launch.py run sequence/ridership_rnn
Expected: validation mae 26,900 (29,015 in Géron, 3rd edition, chapter 15), test 96,000
Time: 5 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.ridership import RecurrentRidership

config = RecurrentRidership(Recurrent())
