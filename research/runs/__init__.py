"""The one reader of a run's folder: grouping, filtering, spelling, intervals, curves. No JAX."""
