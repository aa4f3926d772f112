"""The Jensen-Shannon distance."""

from math import sqrt

import numpy as np
from scipy.special import rel_entr

from watchkeeper.detectors.checks.drift.divergence import Divergence
from watchkeeper.detectors.checks.drift.measure import NO_DRIFT, Measure
from watchkeeper.detectors.checks.drift.pair import Pair, Shares
from watchkeeper.detectors.checks.drift.pooling import Counts

_BITS = 1 / np.log(2)
"""Number of bits in one natural unit of information."""


def jensen_shannon(reference: Counts, current: Counts, *, ordered: bool = True) -> Measure | None:
    """Measure the Jensen-Shannon distance of two histograms, 0 (equal) to 1 (disjoint).

    JSD = sqrt((KL(c || m) + KL(r || m)) / 2) with m = (c + r) / 2 and logarithms to base 2. Without drift
    8 ln 2 JSD^2 / (1/n + 1/m) is about chi-squared with B - 1 degrees of freedom, which gives the p-value and
    the average. The average is subtracted from the square for the effect. Sparse bins are joined first. Half
    a row is added to each bin for everything but the distance itself, or empty bins would weigh too much.

    Papers: Lin (1991), Divergence measures based on the Shannon entropy; Endres and Schindelin (2003), A new
    metric for probability distributions. Cost: 60 us for 40 bins.

    Args:
        reference: The reference's rows in each bin, shape (bins,).
        current: The window's rows in each bin, shape (bins,).
        ordered: Whether the bins have an order, so that sparse ones are joined with their neighbours.

    Returns:
        The measure, or None if either side has fewer than 30 rows.

    >>> jensen_shannon(np.array([50, 50]), np.array([50, 50])).statistic
    0.0
    >>> jensen_shannon(np.array([50, 0]), np.array([0, 50])).statistic
    1.0
    """
    pair = Pair.of(reference, current, ordered=ordered)
    return None if pair is None else jensen_shannon_of(pair)


def jensen_shannon_distance(pair: Pair) -> float:
    """Give the distance alone.

    Args:
        pair: The histograms.
    """
    return sqrt(_divergence(pair.reference / pair.n, pair.current / pair.m))


def jensen_shannon_of(pair: Pair) -> Measure:
    """Measure two histograms whose sparse bins are joined already.

    Args:
        pair: The histograms.
    """
    if pair.bins < 2:
        return NO_DRIFT
    middle = (pair.r + pair.c) / 2
    slopes = (np.log(shares / middle) * (_BITS / 2) for shares in (pair.r, pair.c))
    measure = Divergence(_divergence(pair.r, pair.c), _BITS / 8, *slopes).measure_of_root(pair)
    return measure._replace(statistic=jensen_shannon_distance(pair))


def _divergence(r: Shares, c: Shares) -> float:
    middle = (r + c) / 2
    entropy = float(rel_entr(c, middle).sum() + rel_entr(r, middle).sum())
    return max(0.0, entropy * float(_BITS) / 2)
