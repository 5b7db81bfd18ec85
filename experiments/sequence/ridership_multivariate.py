"""A recurrent layer with buses and the calendar as inputs forecasts the next day's ridership.

Boardings of Chicago's trains, a day ahead from 56 (Géron's chapter 15, third edition). Each day's
inputs are rail and bus boardings and the kind of day that comes next: Saturday, Sunday or holiday,
weekday. The checkpoint with the lowest validation error is reported, as in the book.

Run: python launch.py run sequence/ridership_multivariate
Expected: validation mae 21,200 (22,062 in Géron, 3rd edition, chapter 15), test 80,000
Time: 7 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.ridership import RecurrentRidership

config = RecurrentRidership(Recurrent(), calendar=True)
