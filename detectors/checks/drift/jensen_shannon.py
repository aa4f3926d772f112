"""Jensen-Shannon distance."""

from math import sqrt

import numpy as np
from scipy.special import rel_entr

from watchkeeper.detectors.checks.drift.divergence import Divergence
from watchkeeper.detectors.checks.drift.measure import NO_DRIFT, Measure
from watchkeeper.detectors.checks.drift.pair import Pair, Shares
from watchkeeper.detectors.checks.drift.pooling import Counts

_BITS = 1 / np.log(2)


def jensen_shannon(reference: Counts, current: Counts, *, ordered: bool = True) -> Measure | None:
    """Measure how far apart two histograms are, 0 (the same) to 1 (disjoint); None is too few rows.

    JSD = sqrt((KL(c || m) + KL(r || m)) / 2) with m = (c + r) / 2 and logarithms to base 2. Without drift
    8 ln 2 JSD^2 / (1/n + 1/m) is about chi-squared with B - 1 degrees of freedom: that is the p-value, and
    the average that is taken off the square for the effect. Sparse bins are joined first, and half a row is
    added to each bin for all but the distance itself, or empty ones would be too loud.

    Cost: 60 us for 40 bins. Papers: Lin (1991); Endres and Schindelin (2003), that the root is a metric.

    >>> jensen_shannon(np.array([50, 50]), np.array([50, 50])).statistic
    0.0
    >>> jensen_shannon(np.array([50, 0]), np.array([0, 50])).statistic
    1.0
    """
    pair = Pair.of(reference, current, ordered=ordered)
    return None if pair is None else jensen_shannon_of(pair)


def jensen_shannon_distance(pair: Pair) -> float:
    """Give the distance alone."""
    return sqrt(_divergence(pair.reference / pair.n, pair.current / pair.m))


def jensen_shannon_of(pair: Pair) -> Measure:
    """Measure two histograms that are joined already."""
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
