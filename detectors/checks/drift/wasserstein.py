"""The Wasserstein distance of order 1 on binned numbers: how far values moved on average."""

from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, ndtr

from watchkeeper.detectors.checks.drift.measure import NO_DRIFT, Measure, Z, root_of
from watchkeeper.detectors.checks.drift.pooling import Counts
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN

Places = NDArray[np.float64]
"""One float for each bin, shape (bins,)."""
_STRAIGHT = 1e-3
"""The skewness below which a distribution counts as normal: the gamma distribution is then inaccurate."""


def wasserstein(reference: Counts, current: Counts, places: Places | None = None) -> Measure | None:
    """Measure how far rows moved on average.

    W = integral of |F(x) - G(x)| = sum over neighbouring bins of |F - G| times the distance of their places.

    Without drift the differences F - G are a Brownian bridge at the edges. Its W^2 is split in two: the
    square of the difference of the means, whose variance v is known (W is never less than that difference,
    and its large values are due to it), and the rest, whose average q - v is subtracted, q the mean of W^2:

        p = P(Z^2 v > W^2 - (q - v)),   Z normal, with the skewness of the means where they have one.

    The part of chance lies between 0 and the average without drift. The interval allows for both, so its
    level is at least the stated one.

    Papers: Vallender (1974), Calculation of the Wasserstein distance; del Barrio, Giné and Matrán (1999),
    Central limit theorems for the Wasserstein distance; Sheppard (1899), On the application of the theory of
    error to cases of normal distribution, for absolute values of correlated normals.
    Cost: 90 us for 40 bins.

    Args:
        reference: The reference's rows in each bin, shape (bins,).
        current: The window's rows in each bin, shape (bins,), the bins in ascending order.
        places: The value that represents each bin, shape (bins,), ascending, in the unit of the numbers and
            chosen without the current rows (see `detectors/checks/drift/bin_values.py`). None takes the
            reference's ranks, so that W is a share from 0 to 1.

    Returns:
        The measure, or None if either side has fewer than 30 rows.

    >>> moved = wasserstein(np.array([500, 500, 0]), np.array([0, 500, 500]), np.array([0.0, 10.0, 20.0]))
    >>> moved.statistic, moved.p_value < 1e-9, round(moved.lower, 1), round(moved.upper, 1)
    (10.0, True, 9.3, 10.4)
    """
    n, m = int(reference.sum()), int(current.sum())
    if min(n, m) < SHARE_ROWS_MIN:
        return None
    places = _ranks(reference, n) if places is None else places
    gaps = np.diff(places)
    before = np.cumsum(reference)[:-1] / n
    difference = np.cumsum(current)[:-1] / m - before
    distance = wasserstein_distance(reference, current, places)
    together = (n * before + m * (before + difference)) / (n + m)
    varied = (together > 0) & (together < 1) & (gaps > 0)
    if not varied.any():
        return NO_DRIFT
    mean, square, of_means = _without_drift(together[varied], gaps[varied], 1 / n + 1 / m)
    skew = _skewness((reference + current) / (n + m), gaps, n, m)
    z = sqrt(max(0.0, distance**2 - (square - of_means)) / of_means)
    margin = Z * sqrt(_variance(np.sign(difference) * gaps, reference / n, current / m, n, m))
    return Measure(
        distance,
        min(1.0, 2 * _tail(z, skew)),
        mean,
        root_of(distance**2, square),
        max(0.0, distance - mean - margin),
        distance + margin,
    )


def wasserstein_distance(reference: Counts, current: Counts, places: Places) -> float:
    """Give the distance alone.

    Args:
        reference: The reference's rows in each bin, shape (bins,); at least one row.
        current: The window's rows in each bin, shape (bins,); at least one row.
        places: The value that represents each bin, shape (bins,).
    """
    difference = np.cumsum(current) / current.sum() - np.cumsum(reference) / reference.sum()
    return float(np.abs(difference[:-1]) @ np.diff(places))


def _ranks(reference: Counts, n: int) -> Places:
    ranks: Places = (np.cumsum(reference) - reference / 2) / n
    return ranks


def _without_drift(p: Places, gaps: Places, noise: float) -> tuple[float, float, float]:
    """Give the mean of the distance, its mean square, and the variance of the difference of the means."""
    odds = p / (1 - p)
    deviations = gaps * np.sqrt(p * (1 - p) * noise)
    lesser, greater = np.minimum.outer(odds, odds), np.maximum.outer(odds, odds)
    correlation = np.sqrt(lesser / greater)
    absolute = np.sqrt(1 - lesser / greater) + correlation * np.arcsin(correlation)
    mean = sqrt(2 / pi) * float(deviations.sum())
    square = 2 / pi * float(deviations @ absolute @ deviations)
    return mean, square, float(deviations @ correlation @ deviations)


def _skewness(shares: Places, gaps: Places, n: int, m: int) -> float:
    """Give the skewness of the difference of two means, without its sign."""
    places = np.concatenate(([0.0], np.cumsum(gaps)))
    centred = places - shares @ places
    variance, third = float(shares @ centred**2), float(shares @ centred**3)
    scale = float((variance * (1 / n + 1 / m)) ** 1.5)
    return abs(third * (1 / m**2 - 1 / n**2)) / scale


def _tail(z: float, skew: float) -> float:
    """Give the tail above z deviations of a gamma distribution with this skewness."""
    if skew < _STRAIGHT:
        return float(ndtr(-z))
    shape = 4 / skew**2
    return float(gammaincc(shape, shape + 2 * z / skew))


def _variance(signed_gaps: Places, r: Places, c: Places, n: int, m: int) -> float:
    """Give the variance of the distance by the delta method."""
    # A row in a bin counts in F at all later edges.
    heights = np.concatenate((np.cumsum(signed_gaps[::-1])[::-1], [0.0]))
    parts = ((w @ heights**2 - (w @ heights) ** 2) / rows for w, rows in ((r, n), (c, m)))
    return max(0.0, float(sum(parts)))
