"""The evidence of a window against its reference, as an e-value that is exactly valid."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

from watchkeeper.detectors.checks.drift.pooling import Counts
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN

_SIZES = (2.0, 4.0, 8.0, 16.0, 32.0)
"""Changes that are bet on, in standard errors."""
_BOLDEST = 1.5
"""No bet is on more than so many standard deviations."""
CATEGORIES_MAX = 64
"""Rarer categories are put together."""
_LARGEST = 700.0

Scores = NDArray[np.float64]


def number_e_value(reference: Counts, current: Counts) -> float | None:
    """Weigh whether numbers moved, spread or leaned; None is too few rows.

    Without drift, all rows were put into the two samples by chance: given the totals T_b of the bins, the
    smaller sample, of m rows, is drawn from them without replacement. A bet says that bins with a high score
    s_b are drawn more often, and has

        e = exp(theta sum over rows drawn of s) / (sum over b of T_b / T exp(theta s_b))^m.

    By Hoeffding's inequality for draws without replacement its mean is at most 1, given any totals: exactly,
    for any size of the reference, which is never taken for the truth. The answer is the mean of all bets: on
    mean, spread and skewness (z, z^2 - 1 and z^3 - 3z of the normal scores z of the bins, from the totals
    alone), up and down, from 2 to 32 standard errors. It is at least x with probability at most 1/x.

    For a sample as large as the other the bound gives away half of the evidence, for a tenth of it a tenth.

    Papers: Hoeffding (1963), theorem 4; Grünwald, de Heide and Koolen (2024), Safe testing.
    Cost: 150 us for 40 bins.

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
    """Weigh whether the share of any category rose or fell; None is too few rows.

    As for numbers, with a bet on each category alone. Those beyond the 63 most common of both are one.

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
    """Average exp(theta scores) over what was drawn, for each score and theta."""
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
