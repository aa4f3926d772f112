"""The population stability index, corrected for sample size."""

import numpy as np

from watchkeeper.detectors.checks.drift.divergence import Divergence
from watchkeeper.detectors.checks.drift.measure import NO_DRIFT, Measure
from watchkeeper.detectors.checks.drift.pair import Pair
from watchkeeper.detectors.checks.drift.pooling import Counts


def psi(reference: Counts, current: Counts, *, ordered: bool = True) -> Measure | None:
    """Measure the population stability index: the symmetric divergence of two histograms.

    PSI = sum over bins of (c - r) ln(c / r), with c and r the shares of a bin, half a row added to each
    count.

    The usual limits of 0.1 and 0.2 have no meaning without the sample sizes: with 20 bins and 100 rows, PSI
    is 0.2 on average without drift. Without drift PSI / (1/n + 1/m) is about chi-squared with B - 1 degrees
    of freedom, which gives the p-value and the average, (B - 1)(1/n + 1/m). Sparse bins are joined first. The
    effect is PSI less that average, with an interval.

    Papers: Jeffreys (1946), An invariant form for the prior probability; Yurdakul (2018), Statistical
    properties of population stability index. Cost: 60 us for 40 bins.

    Args:
        reference: The reference's rows in each bin, shape (bins,).
        current: The window's rows in each bin, shape (bins,).
        ordered: Whether the bins have an order, so that sparse ones are joined with their neighbours.

    Returns:
        The measure, or None if either side has fewer than 30 rows.

    >>> moved = psi(np.array([500, 300, 200]), np.array([200, 300, 500]))
    >>> round(moved.statistic, 2), moved.p_value < 1e-9, round(moved.expected, 4)
    (0.55, True, 0.004)
    >>> round(moved.lower, 2), round(moved.upper, 2)
    (0.43, 0.69)
    >>> psi(np.array([500, 300, 200]), np.array([5, 3, 2])) is None
    True
    """
    pair = Pair.of(reference, current, ordered=ordered)
    return None if pair is None else psi_of(pair)


def psi_of(pair: Pair) -> Measure:
    """Measure two histograms whose sparse bins are joined already.

    Args:
        pair: The histograms.
    """
    if pair.bins < 2:
        return NO_DRIFT
    ratio = pair.c / pair.r
    log = np.log(ratio)
    value = float(np.sum((pair.c - pair.r) * log))
    return Divergence(value, 1.0, 1 - log - ratio, 1 + log - 1 / ratio).measure(pair)
