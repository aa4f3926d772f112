"""Pearson's chi-squared test of homogeneity."""

import numpy as np
from scipy.special import chdtrc

from watchkeeper.detectors.checks.drift.divergence import Divergence
from watchkeeper.detectors.checks.drift.measure import NO_DRIFT, Measure
from watchkeeper.detectors.checks.drift.pair import Pair, Shares
from watchkeeper.detectors.checks.drift.pooling import Counts


def chi_squared(reference: Counts, current: Counts, *, ordered: bool = False) -> Measure | None:
    """Test whether two samples of categories come from one distribution.

    X2 = sum over both samples and all categories of (seen - expected)^2 / expected, with C - 1 degrees of
    freedom. Rare categories are joined until the smaller sample is expected to have ten rows in each.

    The effect is Cramér's V with equal weights of both samples, so that it does not depend on their sizes:
    V = sqrt(sum (c - r)^2 / (c + r) / 2), 0 (equal) to 1 (disjoint). Its bias by chance is subtracted.

    Papers: Pearson (1900), On the criterion; Cochran (1954), Some methods for strengthening the common
    chi-squared tests, for the joined bins; Cramér (1946), Mathematical methods of statistics; Bergsma (2013),
    A bias-correction for Cramér's V. Cost: 60 us for 40 categories.

    Args:
        reference: The reference's rows of each category, shape (categories,).
        current: The window's rows of each category, shape (categories,).
        ordered: Whether rare categories are joined with their neighbours.

    Returns:
        The measure, or None if either side has fewer than 30 rows.

    >>> same = chi_squared(np.array([50, 30, 20]), np.array([48, 31, 21]))
    >>> round(same.statistic, 2), round(same.p_value, 2), same.effect
    (0.08, 0.96, 0.0)
    """
    pair = Pair.of(reference, current, ordered=ordered)
    return None if pair is None else chi_squared_of(pair)


def chi_squared_of(pair: Pair) -> Measure:
    """Test two histograms whose sparse bins are joined already.

    Args:
        pair: The histograms.
    """
    if pair.bins < 2:
        return NO_DRIFT
    r, c = pair.reference / pair.n, pair.current / pair.m
    freedom = pair.bins - 1
    statistic = float(np.sum((c - r) ** 2 / pair.together)) / pair.noise
    effect = _cramer(r, c, pair)
    return effect._replace(
        statistic=statistic, p_value=float(chdtrc(freedom, statistic)), expected=float(freedom)
    )


def _cramer(r: Shares, c: Shares, pair: Pair) -> Measure:
    tilt = (pair.c - pair.r) / (pair.c + pair.r)
    value = float(np.sum((c - r) ** 2 / (c + r))) / 2
    return Divergence(value, 1 / 4, -tilt - tilt**2 / 2, tilt - tilt**2 / 2).measure_of_root(pair)
