"""Estimates metrics from counts and exact sums, with their standard errors.

The functions take counts alone, so that any task with such counts can use them. Each returns None if there
are too few labels.
"""

from math import ldexp, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.columns import Floats

Counts = NDArray[np.int64]
Z = 3.09
"""Number of standard errors from an estimate to its bounds: one-sided 99.9 % confidence of a normal
distribution."""
LABELS_MIN = 2
"""Minimum number of labels that have a variance."""


class Estimate(NamedTuple):
    """A metric with its standard error."""

    value: float
    """The metric."""
    error: float
    """Its standard error."""
    inflation: float = 0.0
    """How much chance alone raises the metric, even for a perfect model, in the metric's unit."""

    @property
    def lower(self) -> float:
        """The bound that the true value lies above with 99.9 % confidence."""
        return self.value - self.inflation - Z * self.error

    @property
    def upper(self) -> float:
        """The bound that the true value lies below with 99.9 % confidence."""
        return self.value + Z * self.error


def auroc(negatives: Counts, positives: Counts) -> Estimate | None:
    """Return the probability that a positive scores above a negative. Ties count half.

    AUC = sum over positives of V / n1, with V the share of negatives below. Its variance is that of V over
    the positives / n1 plus the same over the negatives / n0. Cost: 30 us.

    Paper: DeLong et al. (1988), Comparing the areas under two or more correlated receiver operating
    characteristic curves.

    Args:
        negatives: The negatives in each bin of the score, shape (bins,). Scores in one bin are tied.
        positives: The positives in each bin of the score, shape (bins,).
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
    """Return a mean loss from an exact sum. Its error comes from a histogram.

    Args:
        counts: The labels in each bin, any shape.
        losses: The loss in the middle of each bin, of the same shape.
        total: The exact sum of the losses.
        n: The number of labels.
    """
    if n < LABELS_MIN:
        return None
    average = float(np.sum(counts * losses)) / n
    variance = float(np.sum(counts * np.square(losses - average))) / (n - 1)
    return Estimate(total / n, sqrt(variance / n))


def calibration_error(counts: Counts, positives: Counts, scores: Floats, n: int) -> Estimate | None:
    """Return the mean distance between score and share of positives over bins of the score (ECE).

    ECE = sum over bins of |positives - sum of scores| / n. Even a calibrated model has an ECE above 0, about
    sum sqrt(2 n_b p_b (1 - p_b) / pi) / n. The lower bound is lower by that amount.

    Paper: Naeini et al. (2015), Obtaining well calibrated probabilities using Bayesian binning.

    Args:
        counts: The labels in each bin, shape (bins,).
        positives: The positive labels in each bin, shape (bins,).
        scores: The sum of the scores in each bin, shape (bins,).
        n: The number of labels.
    """
    if n < LABELS_MIN:
        return None
    distance = float(np.abs(positives - scores).sum()) / n
    share = scores / np.maximum(counts, 1)
    variances = counts * share * (1 - share)
    inflation = float(np.sqrt(2 / np.pi * variances).sum()) / n
    return Estimate(distance, sqrt(float(variances.sum())) / n, min(inflation, distance))


def accuracy(right: int, n: int) -> Estimate | None:
    """Return the share of right answers. Its error adds two right and two wrong answers.

    Paper: Agresti and Coull (1998), Approximate is better than "exact" for interval estimation of binomial
    proportions.

    Args:
        right: The number of right answers.
        n: The number of labels.
    """
    if n < LABELS_MIN:
        return None
    share = (right + 2) / (n + 4)
    return Estimate(right / n, sqrt(share * (1 - share) / n))


def f1(hit: int, wrong: int, n: int) -> Estimate | None:
    """Return F1 = 2 TP / (2 TP + FP + FN), with its error by the delta method.

    Args:
        hit: The number of true positives TP.
        wrong: The number of wrong answers FP + FN.
        n: The number of labels.
    """
    if n < LABELS_MIN or hit + wrong == 0:
        return None
    a, b, whole = hit / n, wrong / n, (2 * hit + wrong) / n
    da, db = 2 * b / whole**2, -2 * a / whole**2
    variance = a * (1 - a) * da**2 + b * (1 - b) * db**2 - 2 * a * b * da * db
    return Estimate(2 * a / whole, sqrt(max(0.0, variance) / n))


def mean(total: int, squares: int, n: int, exponent: int) -> Estimate | None:
    """Return the mean of numbers from their exact sums.

    Args:
        total: The sum in steps of 2**-exponent.
        squares: The sum of squares in squared steps.
        n: The number of numbers.
        exponent: The exponent of the grid.
    """
    if n < LABELS_MIN:
        return None
    variance = (n * squares - total * total) / (n * (n - 1))
    return Estimate(ldexp(total / n, -exponent), ldexp(sqrt(variance / n), -exponent))


def root_mean_square(squares: int, sizes: Counts, n: int, exponent: int) -> Estimate | None:
    """Return the root of the mean square from the exact sum of squares. Its error comes from a histogram.

    Args:
        squares: The sum of squares, in squared steps of 2**-exponent.
        sizes: The absolute values in the buckets of `detectors/profiles/buckets.py`, shape (buckets,).
        n: The number of numbers.
        exponent: The exponent of the grid.
    """
    if n < LABELS_MIN:
        return None
    root = sqrt(squares / n)
    middles = np.square(buckets.MIDDLES)
    average = float(sizes @ middles) / n
    spread = sqrt(float(sizes @ np.square(middles - average)) / (n - 1) / n)
    relative = spread / average / 2 if average else 0.0
    return Estimate(ldexp(root, -exponent), ldexp(root, -exponent) * relative)
