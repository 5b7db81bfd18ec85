"""A linear regression on eight weeks forecasts the next day's ridership.

Boardings of Chicago's trains, a day ahead from 56 (Géron's chapter 15, third edition), 57
parameters. The checkpoint with the lowest validation error is reported, as in the book.

Run: python launch.py run sequence/ridership_linear
Expected: validation mae 34,100 (37,866 in Géron, 3rd edition, chapter 15), test 62,000
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Linear
from research.sequence.forecasts.ridership import RidershipForecasting

config = RidershipForecasting(Linear())
