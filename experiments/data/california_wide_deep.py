"""A wide and deep net for California's house values, with all preprocessing inside the model.

It takes the eight raw numbers of a district as the file has them. Statistics of the training
districts make features of them on the device: medians for what is missing, with a mark that it was,
and normalised numbers for the deep part; quantile buckets of each, and cells of latitude by
longitude, for the wide part. The run keeps these statistics, and an exported model holds them.
`mse` and `mae` are in units of 100,000 dollars; rows of the splits are those of Géron's book. Most
of the gain is the cells': they know where a house stands (`--stripes 2 --buckets 2`, which leaves
little more than the deep part: test mse .30).

Run: python launch.py run data/california_wide_deep
Expected: test mse .223 to .231 (the book's nets from CSV files: .479 and .387)
Time: 5 s, after 15 s of compiling
"""

from __future__ import annotations

from research.tabular.wide_deep import WideDeepHousing

config = WideDeepHousing()
