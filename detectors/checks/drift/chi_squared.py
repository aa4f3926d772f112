"""Pearson's chi-squared test of homogeneity."""

import numpy as np
from scipy.special import chdtrc

from watchkeeper.detectors.checks.drift.divergence import Divergence
from watchkeeper.detectors.checks.drift.measure import NO_DRIFT, Measure
from watchkeeper.detectors.checks.drift.pair import Pair, Shares
from watchkeeper.detectors.checks.drift.pooling import Counts


def chi_squared(reference: Counts, current: Counts, *, ordered: bool = False) -> Measure | None:
    """Test whether two samples of categories come from one distribution; None is too few rows.

    X2 = sum over both samples and all categories of (seen - expected)^2 / expected, with C - 1 degrees of
    freedom. Rare categories are joined until the smaller sample is expected to have ten in each.

    The effect is Cramér's V with both samples weighted alike, so that it does not depend on their sizes:
    V = sqrt(sum (c - r)^2 / (c + r) / 2), 0 (the same) to 1 (disjoint). What chance adds is taken off.

    Cost: 60 us for 40 categories. Papers: Pearson (1900); Cochran (1954), on full bins; Cramér (1946);
    Bergsma (2013), A bias-correction for Cramér's V.

    >>> same = chi_squared(np.array([50, 30, 20]), np.array([48, 31, 21]))
    >>> round(same.statistic, 2), round(same.p_value, 2), same.effect
    (0.08, 0.96, 0.0)
    """
    pair = Pair.of(reference, current, ordered=ordered)
    return None if pair is None else chi_squared_of(pair)


def chi_squared_of(pair: Pair) -> Measure:
    """Test two histograms that are joined already."""
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
