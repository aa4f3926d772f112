"""Binary classification: the output is the probability of the positive class; the label is true or false."""

from collections.abc import Iterator, Sequence
from math import log
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.online.signals import SHARE_TOLERANCE, Sample, Signal
from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.columns import Bools, Floats
from watchkeeper.detectors.profiles.fixed_point import pack, unpack
from watchkeeper.detectors.profiles.labels import CALIBRATION_BINS, Counts, LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.validation import require, total_of_pairs
from watchkeeper.detectors.tasks import estimates as performance
from watchkeeper.detectors.tasks.base import ERROR, NO_LABEL, Bins, LabelSignal, Measured, Task
from watchkeeper.detectors.tasks.estimates import Estimate
from watchkeeper.schemas.events import Output
from watchkeeper.schemas.profiles import LabelsCounts
from watchkeeper.schemas.statistics import Statistic

RESIDUAL = "calibration residual"
"""The name of the label signal that is label minus score."""
SCORE_BINS = 1024
"""Number of bins of the score. Scores in one bin count as tied in AUROC. Chosen by hand: more bins make
AUROC more exact and profiles larger."""
STEPS = 2**30
"""Number of steps in 1: scores and losses are summed exactly in steps of about 1e-9."""
_RESIDUAL_SHARE = 0.3
"""Share of the labels' budget of false alarms for the residuals; the rest is for wrong answers. Chosen by
hand: a larger share detects lost calibration earlier and wrong answers later."""
_LEAST = float(np.finfo(float).eps)
"""Smallest distance of a score from 0 and 1 in the log loss: the machine epsilon, as in scikit-learn."""
_TOLERANCE = 1e-6
"""How far a score may be outside 0 to 1 and still count as 0 or 1 for a label. Chosen by hand: a score of
single precision is less far outside by rounding."""
_MIDDLES = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
"""The middle of each bin of the score, shape (SCORE_BINS,)."""
_published = attrgetter("prediction.label")


class BinaryLabels(LabelsProfile):
    """Histograms of the scores of both classes, the confusion matrix, and exact sums of losses.

    >>> from watchkeeper.schemas.references import Binning, NumberBinning
    >>> layout = Layout(Binning({}, {}, NumberBinning(), "binary-classification"))
    >>> profile = BinaryLabels.empty(layout)
    >>> profile.add(np.array([0.9, 0.2]), np.array([1.0, 0.0]), np.array([60_000.0, 60_000.0]))
    >>> profile.add(np.array([0.2]), np.array([0.0]), np.array([60_000.0]), sign=-1)
    >>> profile.labels, profile.confusion.tolist()
    (1, [1, 0, 0, 0])
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.sums = [0, 0]
        """The sums of log loss and squared error, in steps of 1 / STEPS."""
        self.confusion: Counts = np.zeros(4, np.int64)
        """True positives, false positives, false negatives, true negatives; shape (4,)."""
        self.histograms: Counts = np.zeros((2, SCORE_BINS), np.int64)
        """Counts by bin of the score, of the negatives and of the positives; shape (2, SCORE_BINS)."""
        self.calibration: Counts = np.zeros((3, CALIBRATION_BINS), np.int64)
        """By bin of the score: labels, positives, sum of scores in steps; shape (3, CALIBRATION_BINS)."""

    @property
    def wrong(self) -> int:
        """The number of wrong answers."""
        return int(self.confusion[1] + self.confusion[2])

    def _usable(self, scores: Floats, labels: Floats, predicted: Floats) -> Bools:
        possible = (scores >= -_TOLERANCE) & (scores <= 1 + _TOLERANCE)
        usable: Bools = np.isin(labels, (0.0, 1.0)) & (possible | np.isnan(scores) & ~np.isnan(predicted))
        return usable

    def _count(self, scores: Floats, labels: Floats, predicted: Floats, sign: int) -> None:
        scored = ~np.isnan(scores)
        scores = np.clip(scores, 0.0, 1.0)
        positive = np.where(np.isnan(predicted), scores >= self.layout.binning.threshold, predicted > 0)
        self.confusion += sign * np.bincount(_quadrant(positive, labels), minlength=4)
        self._count_scores(scores[scored], labels[scored], sign)

    def _count_scores(self, scores: Floats, labels: Floats, sign: int) -> None:
        joint = np.bincount(labels.astype(np.int64) * SCORE_BINS + _fine(scores), minlength=2 * SCORE_BINS)
        self.histograms += sign * joint.reshape(2, SCORE_BINS)
        coarse = np.minimum((scores * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for row, weights in zip(self.calibration, (None, labels, np.rint(scores * STEPS)), strict=True):
            row += sign * np.bincount(coarse, weights, CALIBRATION_BINS).astype(np.int64)
        losses = (_log_losses(scores, labels), np.square(scores - labels))
        for index, loss in enumerate(losses):
            self.sums[index] += sign * int(np.rint(loss * STEPS).sum())

    def _merge(self, other: "BinaryLabels") -> None:
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.confusion += other.confusion
        self.histograms += other.histograms
        self.calibration += other.calibration

    def _to_wire(self) -> dict[str, Any]:
        return {
            "sums": [pack(total) for total in self.sums],
            "confusion": self.confusion.tolist(),
            "histograms": [buckets.to_pairs(counts) for counts in self.histograms],
            "calibration": self.calibration.tolist(),
        }

    def _read(self, counts: LabelsCounts) -> None:
        _check(counts)
        self.sums = [unpack(total) for total in counts.sums]
        self.confusion = np.array(counts.confusion, np.int64)
        self.histograms = np.stack([buckets.from_pairs(pairs, SCORE_BINS) for pairs in counts.histograms])
        self.calibration = np.array(counts.calibration, np.int64)


def _check(counts: LabelsCounts) -> None:
    shape = len(counts.sums), len(counts.confusion), len(counts.histograms), len(counts.calibration)
    require(shape == (2, 4, 2, 3), "its sums are not those of binary classification")
    require(
        all(len(row) == CALIBRATION_BINS for row in counts.calibration),
        "its calibration has the wrong number of bins",
    )
    negatives, positives = (total_of_pairs(pairs, SCORE_BINS) for pairs in counts.histograms)
    require(
        negatives + positives == counts.scored, "its histograms have another number of scores than it states"
    )
    require(
        sum(counts.calibration[0]) == counts.scored,
        "its calibration has another number of scores than it states",
    )
    require(
        sum(counts.calibration[1]) == positives,
        "its calibration and its histograms have different numbers of positives",
    )
    require(
        sum(counts.confusion) == counts.labels,
        "its confusion matrix has another number of labels than it states",
    )
    require(not counts.errors, "it has the errors of a regression")
    sums = [unpack(total) for total in counts.sums]
    require(min(sums) >= 0, "a sum is negative")
    require(counts.scored > 0 or not any(sums), "it has sums without scores")


def _fine(scores: Floats) -> NDArray[np.int64]:
    return np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)


def _quadrant(positive: Bools, labels: Floats) -> Counts:
    index: Counts = 2 * (~positive).astype(np.int64) + (labels == 0.0)
    return index


def _log_losses(scores: Floats, labels: Floats) -> Floats:
    of_truth = np.where(labels == 1.0, scores, 1.0 - scores)
    # The last bit of numpy's vector logarithm may depend on the place in the array, that of `log` does not.
    return -np.array([log(share) for share in np.clip(of_truth, _LEAST, 1.0 - _LEAST).tolist()], float)


def residuals(scores: Floats, labels: Floats) -> Floats:
    """Return label minus score. The score is the middle of its bin, as in the profile.

    The mean is 0 if the scores are right on average. A model that is too sure of its answers has a mean below
    0 for high scores and above 0 for low ones.

    Args:
        scores: The scores, shape (labels,).
        labels: The labels, 0 or 1, shape (labels,).

    Returns:
        The residuals, -1 to 1, shape (labels,).
    """
    found: Floats = labels - (_fine(np.clip(scores, 0.0, 1.0)) + 0.5) / SCORE_BINS
    return found


def _auroc(labels: BinaryLabels) -> Estimate | None:
    return performance.auroc(*labels.histograms)


def _log_loss(labels: BinaryLabels) -> Estimate | None:
    return _mean_loss(labels, labels.sums[0], -np.log(1 - _MIDDLES), -np.log(_MIDDLES))


def _brier(labels: BinaryLabels) -> Estimate | None:
    return _mean_loss(labels, labels.sums[1], np.square(_MIDDLES), np.square(1 - _MIDDLES))


def _mean_loss(labels: BinaryLabels, total: int, of_negative: Floats, of_positive: Floats) -> Estimate | None:
    losses = np.stack((of_negative, of_positive))
    return performance.mean_loss(labels.histograms, losses, total / STEPS, labels.scored)


def _ece(labels: BinaryLabels) -> Estimate | None:
    counts, positives, scores = labels.calibration
    return performance.calibration_error(counts, positives, scores / STEPS, labels.scored)


def _accuracy(labels: BinaryLabels) -> Estimate | None:
    return performance.accuracy(labels.labels - labels.wrong, labels.labels)


def _f1(labels: BinaryLabels) -> Estimate | None:
    return performance.f1(int(labels.confusion[0]), labels.wrong, labels.labels)


class BinaryClassification(Task[BinaryLabels]):
    """The output is a score from 0 to 1, judged by how well it separates the classes and by its loss."""

    name = "binary-classification"
    output_struct = Output
    output_field = "score"
    answers_with_label = True
    profile = BinaryLabels
    metrics = {  # noqa: RUF012 - the protocol declares it a Mapping
        "auroc": Measured(_auroc, "higher", 0.05, most=1.0),
        "log_loss": Measured(_log_loss, "lower", 0.05),
        "accuracy": Measured(_accuracy, "higher", 0.05, most=1.0),
        "f1": Measured(_f1, "higher", 0.05, most=1.0),
        "brier": Measured(_brier, "lower", 0.02, most=1.0),
        "ece": Measured(_ece, "lower", 0.05, most=1.0),
    }
    judged = ("auroc", "log_loss")
    signals = frozenset({ERROR, RESIDUAL})

    def published_labels(self, events: Sequence[Any]) -> list[float]:
        """Return the published labels as numbers."""
        labels = list(map(_published, events))
        if labels.count(None) == len(labels):
            return [NO_LABEL] * len(labels)
        return [float(label) if isinstance(label, bool | int) else NO_LABEL for label in labels]

    def statistics(self, labels: BinaryLabels) -> Iterator[Statistic]:
        """Return the share of positive labels."""
        if labels.labels:
            positives = int(labels.confusion[0] + labels.confusion[2])
            yield Statistic("positive_ratio", positives / labels.labels)

    def label_signals(self, layout: Layout, scores: Floats, labels: Floats) -> list[LabelSignal]:
        """Return whether each answer was wrong (0 or 1), and the calibration residuals."""
        wrong = ((scores >= layout.binning.threshold) != (labels == 1.0)).astype(float)
        return [
            LabelSignal(ERROR, wrong, 1 - _RESIDUAL_SHARE, is_loss=True),
            LabelSignal(RESIDUAL, residuals(scores, labels), _RESIDUAL_SHARE),
        ]

    def is_counted(self, signal: str, bins: int) -> bool:
        """Whether the signal is the residuals, or has two bins: right and wrong answers."""
        return signal == RESIDUAL or bins == 2

    def tally(self, labels: BinaryLabels, signal: str, bins: Bins) -> Floats:
        """Count right and wrong answers, or the residuals of the middles of the score's bins."""
        if signal != RESIDUAL:
            return np.array([labels.labels - labels.wrong, labels.wrong], float)
        label, fine = (each.ravel().astype(float) for each in np.indices(labels.histograms.shape))
        where = bins.codes(residuals((fine + 0.5) / SCORE_BINS, label))
        counts = labels.histograms.ravel().astype(float)
        return np.bincount(where, counts, minlength=bins.count).astype(float)

    def error(self, labels: BinaryLabels) -> Sample:
        """Return the number of labels and of wrong answers."""
        return labels.labels, float(labels.wrong)

    def healthy_error(self, reference: BinaryLabels) -> Signal | None:
        """Return the share of wrong answers."""
        return Signal(reference.wrong / reference.labels, SHARE_TOLERANCE)
