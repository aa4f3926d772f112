"""Estimates of a model's performance from counts and exact sums: the value, and how far chance moves it.

Each function takes counts alone, so that every task whose labels give such counts can use it.
"""

from math import ldexp, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.columns import Floats

Counts = NDArray[np.int64]
Z = 3.09
"""Standard errors from an estimate to its bound: 99.9 % on each side."""
LABELS_MIN = 2
"""The fewest labels that have a variance."""


class Estimate(NamedTuple):
    """A metric, its standard error, and by how much chance alone raises it."""

    value: float
    error: float
    inflation: float = 0.0
    """What chance adds to the metric of a perfect model, in the metric's own unit."""

    @property
    def lower(self) -> float:
        """The bound that the true value is above with 99.9 %."""
        return self.value - self.inflation - Z * self.error

    @property
    def upper(self) -> float:
        """The bound that the true value is below with 99.9 %."""
        return self.value + Z * self.error


def auroc(negatives: Counts, positives: Counts) -> Estimate | None:
    """Return the probability that a positive scores above a negative; ties count half.

    `negatives` and `positives` are [bins]: the scores of each class. Scores in one bin are tied.
    AUC = sum over positives of V / n1, V the share of negatives below; its variance is that of V over the
    positives / n1 plus the same over the negatives / n0. Cost: 30 us. Paper: DeLong et al. (1988).
    """
    n0, n1 = int(negatives.sum()), int(positives.sum())
    if min(n0, n1) < LABELS_MIN:
        return None
    below = (np.cumsum(negatives) - negatives / 2) / n0
    above = (n1 - np.cumsum(positives) + positives / 2) / n1
    area = float(positives @ below) / n1
    variances = [
        float(counts @ np.square(shares - area)) / (n - 1) / n
        for counts, shares, n in ((positives, below, n1), (negatives, above, n0))
    ]
    return Estimate(area, sqrt(sum(variances)))


def mean_loss(counts: Counts, losses: Floats, total: float, n: int) -> Estimate | None:
    """Return an exact `total` of losses divided by `n`.

    Its error comes from a histogram: `counts` of labels by bin, `losses` the loss in each bin's middle.
    """
    if n < LABELS_MIN:
        return None
    average = float(np.sum(counts * losses)) / n
    variance = float(np.sum(counts * np.square(losses - average))) / (n - 1)
    return Estimate(total / n, sqrt(variance / n))


def calibration_error(counts: Counts, positives: Counts, scores: Floats, n: int) -> Estimate | None:
    """Return the mean distance between score and truth over bins of the score (ECE).

    `counts`, `positives` and `scores` are [bins]: labels, positive labels, and the sum of the scores.
    ECE = sum over bins of |positives - sum of scores| / n. Even a calibrated model has one above 0, about
    sum sqrt(2 n_b p_b (1 - p_b) / pi) / n: the lower bound is that much lower. Paper: Naeini et al. (2015).
    """
    if n < LABELS_MIN:
        return None
    distance = float(np.abs(positives - scores).sum()) / n
    share = scores / np.maximum(counts, 1)
    variances = counts * share * (1 - share)
    inflation = float(np.sqrt(2 / np.pi * variances).sum()) / n
    return Estimate(distance, sqrt(float(variances.sum())) / n, min(inflation, distance))


def accuracy(right: int, n: int) -> Estimate | None:
    """Return the share of right answers; its error adds two of each (Agresti and Coull, 1998)."""
    if n < LABELS_MIN:
        return None
    share = (right + 2) / (n + 4)
    return Estimate(right / n, sqrt(share * (1 - share) / n))


def f1(hit: int, wrong: int, n: int) -> Estimate | None:
    """Return 2 TP / (2 TP + FP + FN), with `wrong` = FP + FN; its error by the delta method."""
    if n < LABELS_MIN or hit + wrong == 0:
        return None
    a, b, whole = hit / n, wrong / n, (2 * hit + wrong) / n
    da, db = 2 * b / whole**2, -2 * a / whole**2
    variance = a * (1 - a) * da**2 + b * (1 - b) * db**2 - 2 * a * b * da * db
    return Estimate(2 * a / whole, sqrt(max(0.0, variance) / n))


def mean(total: int, squares: int, n: int, exponent: int) -> Estimate | None:
    """Return the mean of numbers from their exact sum and sum of squares, in steps of 2**-exponent."""
    if n < LABELS_MIN:
        return None
    variance = (n * squares - total * total) / (n * (n - 1))
    return Estimate(ldexp(total / n, -exponent), ldexp(sqrt(variance / n), -exponent))


def root_mean_square(squares: int, sizes: Counts, n: int, exponent: int) -> Estimate | None:
    """Return the root of the mean square, from the exact sum of squares in steps of 2**-exponent.

    Its error comes from `sizes`, the absolute values in the buckets of `detectors/profiles/buckets.py`, 1.6 %
    wide.
    """
    if n < LABELS_MIN:
        return None
    root = sqrt(squares / n)
    middles = np.square(buckets.MIDDLES)
    average = float(sizes @ middles) / n
    spread = sqrt(float(sizes @ np.square(middles - average)) / (n - 1) / n)
    relative = spread / average / 2 if average else 0.0
    return Estimate(ldexp(root, -exponent), ldexp(root, -exponent) * relative)
