"""How well a model does on its labels, with how sure that is. From counts and exact sums alone."""

from collections.abc import Callable
from math import ldexp, sqrt
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.labels import SCORE_BINS, STEPS, LabelsProfile
from watchkeeper.schemas.monitors import Metric

Z = 3.09
"""Bounds are at 99.9 % on each side."""


class Estimate(NamedTuple):
    """A metric, its standard error, and by how much chance alone raises it."""

    value: float
    error: float
    inflation: float = 0.0

    @property
    def lower(self) -> float:
        """Give the bound that the true value is above with 99.9 %."""
        return self.value - self.inflation - Z * self.error

    @property
    def upper(self) -> float:
        """Give the bound that the true value is below with 99.9 %."""
        return self.value + Z * self.error


def auroc(profile: LabelsProfile) -> Estimate | None:
    """Give the chance that a positive scores above a negative; ties, also within 1/1024, count half.

    AUC = sum over positives of V / n1, V the share of negatives below; its variance is that of V over the
    positives / n1 plus the same over the negatives / n0. Cost: 30 us. Paper: DeLong et al. (1988).
    """
    negatives, positives = profile.histograms
    n0, n1 = int(negatives.sum()), int(positives.sum())
    if min(n0, n1) < 2:
        return None
    below = (np.cumsum(negatives) - negatives / 2) / n0
    above = (n1 - np.cumsum(positives) + positives / 2) / n1
    area = float(positives @ below) / n1
    variances = [
        float(counts @ np.square(shares - area)) / (n - 1) / n
        for counts, shares, n in ((positives, below, n1), (negatives, above, n0))
    ]
    return Estimate(area, sqrt(sum(variances)))


def log_loss(profile: LabelsProfile) -> Estimate | None:
    """Give the mean of -ln(score of what was true), scores kept 2e-16 from 0 and 1; exact to 1e-9."""
    middle = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
    return _mean_loss(profile, profile.sums[0], -np.log(1 - middle), -np.log(middle))


def brier(profile: LabelsProfile) -> Estimate | None:
    """Give the mean of (score - label)^2; exact to 1e-9. Paper: Brier (1950)."""
    middle = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
    return _mean_loss(profile, profile.sums[1], np.square(middle), np.square(1 - middle))


def _mean_loss(
    profile: LabelsProfile, total: int, of_negative: Floats, of_positive: Floats
) -> Estimate | None:
    """Divide an exact sum; its error comes from the losses in the middle of each score bin."""
    n = profile.scored
    if n < 2:
        return None
    losses = np.stack((of_negative, of_positive))
    average = float(np.sum(profile.histograms * losses)) / n
    variance = float(np.sum(profile.histograms * np.square(losses - average))) / (n - 1)
    return Estimate(total / STEPS / n, sqrt(variance / n))


def ece(profile: LabelsProfile) -> Estimate | None:
    """Give the mean distance of score and truth over 15 equal bins of the score.

    ECE = sum over bins of |positives - sum of scores| / n. Even a calibrated model has one above 0, about
    sum sqrt(2 n_b p_b (1 - p_b) / pi) / n: the lower bound is that much lower. Paper: Naeini et al. (2015).
    """
    counts, positives, scores = profile.calibration
    n = profile.scored
    if n < 2:
        return None
    distance = float(np.abs(positives - scores / STEPS).sum()) / n
    share = scores / STEPS / np.maximum(counts, 1)
    variances = counts * share * (1 - share)
    inflation = float(np.sqrt(2 / np.pi * variances).sum()) / n
    return Estimate(distance, sqrt(float(variances.sum())) / n, min(inflation, distance))


def accuracy(profile: LabelsProfile) -> Estimate | None:
    """Give the share of right labels; error of a share with two of each added (Agresti and Coull, 1998)."""
    n = profile.labels
    if n < 2:
        return None
    right = int(profile.confusion[0] + profile.confusion[3])
    share = (right + 2) / (n + 4)
    return Estimate(right / n, sqrt(share * (1 - share) / n))


def f1(profile: LabelsProfile) -> Estimate | None:
    """Give 2 TP / (2 TP + FP + FN), its error by the delta method."""
    n = profile.labels
    hit, wrong = int(profile.confusion[0]), int(profile.confusion[1] + profile.confusion[2])
    if n < 2 or hit + wrong == 0:
        return None
    a, b, whole = hit / n, wrong / n, (2 * hit + wrong) / n
    da, db = 2 * b / whole**2, -2 * a / whole**2
    variance = a * (1 - a) * da**2 + b * (1 - b) * db**2 - 2 * a * b * da * db
    return Estimate(2 * a / whole, sqrt(max(0.0, variance) / n))


def mae(profile: LabelsProfile) -> Estimate | None:
    """Give the mean absolute error; exact."""
    return _mean_error(profile, profile.sums[1])


def bias(profile: LabelsProfile) -> Estimate | None:
    """Give the mean of value - label; exact."""
    return _mean_error(profile, profile.sums[0])


def _mean_error(profile: LabelsProfile, total: int) -> Estimate | None:
    n, step = profile.scored, -profile.error_exponent
    if n < 2:
        return None
    variance = (n * profile.sums[2] - total * total) / (n * (n - 1))
    return Estimate(ldexp(total / n, step), ldexp(sqrt(variance / n), step))


def rmse(profile: LabelsProfile) -> Estimate | None:
    """Give the root of the mean squared error; exact. Its error comes from errors in buckets of 1.6 %."""
    n, step = profile.scored, -profile.error_exponent
    if n < 2:
        return None
    root = sqrt(profile.sums[2] / n)
    squares = np.square(buckets.MIDDLES)
    average = float(profile.errors @ squares) / n
    spread = sqrt(float(profile.errors @ np.square(squares - average)) / (n - 1) / n)
    relative = spread / average / 2 if average else 0.0
    return Estimate(ldexp(root, step), ldexp(root, step) * relative)


METRICS: dict[Metric, Callable[[LabelsProfile], Estimate | None]] = {
    "auroc": auroc, "log_loss": log_loss, "accuracy": accuracy, "f1": f1, "brier": brier, "ece": ece,
    "mae": mae, "rmse": rmse, "bias": bias,
}  # fmt: skip
OF_CLASSIFIERS: tuple[Metric, ...] = ("auroc", "log_loss", "accuracy", "f1", "brier", "ece")
OF_REGRESSIONS: tuple[Metric, ...] = ("mae", "rmse", "bias")


def measure(profile: LabelsProfile) -> dict[Metric, Estimate]:
    """Measure all that the labels allow."""
    names = OF_CLASSIFIERS if profile.binary else OF_REGRESSIONS
    known = {name: METRICS[name](profile) for name in names}
    return {name: estimate for name, estimate in known.items() if estimate is not None}
