"""Three simple recurrent layers forecast the next day's ridership.

Boardings of Chicago's trains, a day ahead from 56 (Géron's chapter 15, third edition), three layers
of 32 units. The checkpoint with the lowest validation error is reported, as in the book.

Run: python launch.py run sequence/ridership_deep
Expected: validation mae 26,500 (31,211 in Géron, 3rd edition, chapter 15), test 36,000 to 480,000
Time: 25 s
"""

from research.sequence.forecasts.forecast_net import Recurrent
from research.sequence.forecasts.ridership import RecurrentRidership

config = RecurrentRidership(Recurrent(), epochs=100, layers=3)
