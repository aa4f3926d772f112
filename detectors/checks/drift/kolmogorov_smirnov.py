"""The two-sample Kolmogorov-Smirnov test on binned numbers."""

from math import sqrt

import numpy as np
from scipy.special import kolmogorov

from watchkeeper.detectors.checks.drift.measure import Measure, Z, root_of
from watchkeeper.detectors.checks.drift.pooling import Counts
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN

_MEAN = 0.868731
"""The mean of Kolmogorov's distribution: sqrt(pi / 2) ln 2."""
_SQUARE = 0.822467
"""The mean square of Kolmogorov's distribution: pi^2 / 12."""
_FAR = 1.480208
"""The quantile of Kolmogorov's distribution with 2.5 % above it."""


def kolmogorov_smirnov(reference: Counts, current: Counts) -> Measure | None:
    """Measure the largest distance of two cumulative distributions.

    D = max |F(x) - G(x)| over the edges of the bins; p = Q(D sqrt(nm / (n + m))), with Q the tail of
    Kolmogorov's distribution. Between two edges the curves may lie further apart, so D is never too large and
    p never too small: the test is conservative, the more so the fewer the bins.

    The interval is of the true distance at the edges. It holds at least at its level for any distributions: D
    falls short of the distance at the worst edge by that edge's own error at most, whose standard error is at
    most sqrt(1/n + 1/m) / 2; and D exceeds the true distance by no more than the largest error of all edges.

    Papers: Kolmogorov (1933), Sulla determinazione empirica; Smirnov (1948), Table for estimating the
    goodness of fit; Noether (1963), Note on the Kolmogorov statistic in the discrete case, for ties.
    Cost: 20 us for 40 bins.

    Args:
        reference: The reference's rows in each bin, shape (bins,).
        current: The window's rows in each bin, shape (bins,), the bins in ascending order.

    Returns:
        The measure, or None if either side has fewer than 30 rows.

    >>> ks = kolmogorov_smirnov(np.array([500, 300, 200]), np.array([200, 300, 500]))
    >>> round(ks.statistic, 2), ks.p_value < 1e-9, round(ks.lower, 2), round(ks.upper, 2)
    (0.3, True, 0.23, 0.34)
    """
    n, m = int(reference.sum()), int(current.sum())
    if min(n, m) < SHARE_ROWS_MIN:
        return None
    distance = float(np.max(np.abs(np.cumsum(reference) / n - np.cumsum(current) / m)))
    error = sqrt(1 / n + 1 / m)
    return Measure(
        distance,
        float(kolmogorov(distance / error)),
        _MEAN * error,
        root_of(distance**2, _SQUARE * error**2),
        max(0.0, distance - _FAR * error),
        min(1.0, distance + Z * error / 2),
    )
