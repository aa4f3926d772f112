"""Population stability index, with its sample size in mind."""

import numpy as np
from scipy.special import chdtrc

from detectors.drift.measure import ROWS_MIN, Measure
from detectors.drift.pooling import Counts, pool


def psi(reference: Counts, current: Counts, *, ordered: bool = True) -> Measure | None:
    """Measure drift as the symmetric divergence of two histograms; None is too few rows.

    PSI = sum over bins of (c - r) ln(c / r), c and r the shares of a bin, half a row added to each count.

    The usual limits of 0.1 and 0.2 say nothing without the sizes: with 20 bins and 100 rows PSI is 0.2 on
    average though nothing drifted. Without drift PSI / (1/n + 1/m) is about chi-squared with B - 1 degrees of
    freedom, which gives the p-value and the average, (B - 1)(1/n + 1/m). Sparse bins are joined first.

    Cost: 30 us for 40 bins.
    Papers: Jeffreys (1946); Yurdakul (2018), Statistical properties of population stability index.

    >>> moved = psi(np.array([500, 300, 200]), np.array([200, 300, 500]))
    >>> round(moved.statistic, 2), moved.p_value < 1e-9, round(moved.expected, 4)
    (0.55, True, 0.004)
    >>> psi(np.array([500, 300, 200]), np.array([5, 3, 2])) is None
    True
    """
    n, m = int(reference.sum()), int(current.sum())
    if min(n, m) < ROWS_MIN:
        return None
    reference, current = pool(reference, current, ordered=ordered)
    bins = len(reference)
    if bins < 2:
        return Measure(0.0, 1.0)
    r = (reference + 0.5) / (n + bins / 2)
    c = (current + 0.5) / (m + bins / 2)
    statistic = float(np.sum((c - r) * np.log(c / r)))
    noise = 1 / n + 1 / m
    return Measure(statistic, float(chdtrc(bins - 1, statistic / noise)), (bins - 1) * noise)
