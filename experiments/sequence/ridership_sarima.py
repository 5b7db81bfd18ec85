"""A seasonal autoregressive moving-average model forecasts ridership a day ahead: no net at all.

Boardings of Chicago's trains (Géron's chapter 15, third edition), ARIMA (1, 0, 0) with a season of
a week, (0, 1, 1), fitted by statsmodels on the host to a year before the split and what came since.
Validation is March to May 2019, as in the book; nothing is drawn, so every seed is the same run.
`--history 0 --refit 1 --unit 1` is what the book does: it gives the book's figure, from fits whose
optimiser stops early.

Run: python launch.py run sequence/ridership_sarima
Expected: validation mae 31,166 (32,041 in Géron, 3rd edition, chapter 15), test 29,057
Time: 10 s
"""

from research.sequence.forecasts.sarima import RidershipSarima

config = RidershipSarima()
