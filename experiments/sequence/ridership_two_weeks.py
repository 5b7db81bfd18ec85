"""A recurrent layer forecasts ridership of the next fourteen days from each day of eight weeks.

Boardings of Chicago's trains (Géron's chapter 15, third edition), sequence to sequence: the loss is
that of the fourteen days after each day; judged are those after the last alone. Each day's inputs
are rail and bus boardings and the kind of day that comes next. The checkpoint with the lowest
validation error is reported.

Run: python launch.py run sequence/ridership_two_weeks
Expected: validation mae 28,000 (31,385 in Géron, 3rd edition, chapter 15), test 230,000
Time: 10 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.ridership import RecurrentRidership

config = RecurrentRidership(
    Recurrent(every_step=True), calendar=True, horizon=14, learning_rate=1e-2
)
