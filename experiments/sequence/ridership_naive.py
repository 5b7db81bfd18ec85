"""Each day is as the same day a week before: the forecast of ridership that others are to beat.

Boardings of Chicago's trains, a day ahead (Géron's chapter 15, third edition). Figures are in
boardings. Validation is the 95 days of spring 2019 that 56 known days come before (the book's
43,442 on them is of buses); the test days go on through the pandemic, of which no net has learned.

Run: python launch.py run sequence/ridership_naive
Expected: validation mae 41,274, test 28,936
Time: 1 s
"""

from research.sequence.forecasts.forecast_net import Naive
from research.sequence.forecasts.ridership import WEEK, RidershipForecasting

config = RidershipForecasting(Naive(season=WEEK), epochs=0)
