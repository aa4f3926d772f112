"""The evidence that a window differs from its reference, as an exactly valid e-value."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

from watchkeeper.detectors.checks.drift.pooling import Counts
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN

_SIZES = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Sizes of the changes that are bet on, in standard errors. Chosen by hand: more sizes dilute the mean."""
_BOLDEST = 1.5
"""The largest change that is bet on, in standard deviations. Chosen by hand: it matters for few rows only."""
CATEGORIES_MAX = 64
"""The most categories that are bet on; rarer ones count as one. Chosen by hand: more dilute the mean."""
_LARGEST = 700.0
"""The largest logarithm of an e-value: exp(710) is no float."""

Scores = NDArray[np.float64]
"""One score for each bin and bet, shape (bets, bins)."""


def number_e_value(reference: Counts, current: Counts) -> float | None:
    """Give the evidence that the mean, spread or skewness of binned numbers changed.

    Without drift, all rows were put into the two samples by chance: given the totals T_b of the bins, the
    smaller sample, of m rows, is drawn from them without replacement. A bet states that bins with a high
    score s_b are drawn more often, and has

        e = exp(theta sum over rows drawn of s) / (sum over b of T_b / T exp(theta s_b))^m.

    By Hoeffding's inequality for draws without replacement its mean is at most 1, given any totals. This is
    exact for any size of the reference, which is never taken for the truth. The result is the mean of all
    bets: on mean, spread and skewness (z, z^2 - 1 and z^3 - 3z of the normal scores z of the bins, from the
    totals alone), up and down, from 2 to 32 standard errors. It is at least x with probability at most 1/x.

    If both samples have the same size, the bound loses half of the evidence; if one is a tenth of the other,
    it loses a tenth.

    Papers: Hoeffding (1963), Probability inequalities for sums of bounded random variables, theorem 4;
    Grünwald, de Heide and Koolen (2024), Safe testing. Cost: 150 us for 40 bins.

    Args:
        reference: The reference's rows in each bin, shape (bins,).
        current: The window's rows in each bin, shape (bins,), the bins in ascending order of the numbers.

    Returns:
        The e-value, or None if either side has fewer than 30 rows.

    >>> even = np.full(10, 100)
    >>> number_e_value(even, even) < 1, number_e_value(even, np.arange(10) * 20) > 1e6
    (True, True)
    """
    drawn, totals = _smaller(reference, current)
    if drawn is None:
        return None
    middles = (np.cumsum(totals) - totals / 2) / totals.sum()
    z = ndtri(middles)
    return _mean_of_bets(drawn, totals, np.stack((z, z**2 - 1, z**3 - 3 * z)))


def category_e_value(reference: Counts, current: Counts) -> float | None:
    """Give the evidence that the share of any category rose or fell.

    It works as `number_e_value`, with a bet on each category alone. Categories beyond the 63 most common of
    both sides together count as one.

    Args:
        reference: The reference's rows of each category, shape (categories,).
        current: The window's rows of each category, shape (categories,).

    Returns:
        The e-value, or None if either side has fewer than 30 rows.

    >>> before = np.array([500, 300, 200])
    >>> category_e_value(before, before) < 1, category_e_value(before, np.array([200, 300, 500])) > 1e6
    (True, True)
    """
    drawn, totals = _smaller(reference, current)
    if drawn is None:
        return None
    if len(totals) > CATEGORIES_MAX:
        order = np.argsort(-totals, kind="stable")
        starts = np.arange(CATEGORIES_MAX)
        drawn, totals = np.add.reduceat(drawn[order], starts), np.add.reduceat(totals[order], starts)
    return _mean_of_bets(drawn, totals, np.eye(len(totals)))


def _smaller(reference: Counts, current: Counts) -> tuple[Counts | None, Counts]:
    n, m = int(reference.sum()), int(current.sum())
    totals = reference + current
    if min(n, m) < SHARE_ROWS_MIN:
        return None, totals
    seen = totals > 0
    return (current if m <= n else reference)[seen], totals[seen]


def _mean_of_bets(drawn: Counts, totals: Counts, scores: Scores) -> float:
    """Average the bets exp(theta scores) on the drawn rows over all scores and thetas."""
    shares = totals / totals.sum()
    centred = scores - (scores @ shares)[:, None]
    deviations = np.sqrt(centred**2 @ shares)
    varied = deviations > 0
    if not varied.any():
        return 1.0
    scaled = centred[varied] / deviations[varied][:, None]
    rows = drawn.sum()
    sizes = np.minimum(np.array(_SIZES) / np.sqrt(rows), _BOLDEST)
    tilts = np.concatenate((sizes, -sizes))[:, None, None] * scaled
    gains = tilts @ drawn - rows * logsumexp(tilts, axis=2, b=shares)
    return float(np.exp(min(_LARGEST, float(logsumexp(gains)) - np.log(gains.size))))
