"""A linear probe: how well classes can be read off codes."""

from __future__ import annotations

import numpy as np

PROBED = 10_000
"""Training images whose codes a probe learns from, the first."""


def probe_accuracy(
    code: np.ndarray, label: np.ndarray, test_code: np.ndarray, test_label: np.ndarray
) -> float:
    """The share of test codes whose class a linear classifier finds, on the host.

    It is fitted by least squares with a small penalty, of numbers of mean 0 and deviation 1. That
    has one solution, so that the figure is the same on any machine.

    Args:
        code: float `[images, numbers]`, to learn from.
        label: int `[images]`.
        test_code: to be classified.
        test_label: their classes.

    Source: Alain and Bengio 2016 (arXiv 1610.01644), section 3; the classifier: Hastie et al. 2009,
    "The elements of statistical learning", section 4.2.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeClassifier())
    return float(probe.fit(code.astype(np.float64), label).score(test_code, test_label))
