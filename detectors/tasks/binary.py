"""Binary classification: the model gives the chance of the positive class; the label is true or false."""

from collections.abc import Iterator, Sequence
from math import log
from operator import attrgetter
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct
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
from watchkeeper.schemas.profiles import LabelsCounts
from watchkeeper.schemas.statistics import Statistic

RESIDUAL = "calibration residual"
"""The name of the signal of label minus score."""
SCORE_BINS = 1024
"""Scores in one of these bins count as tied in AUROC."""
STEPS = 2**30
"""Scores and losses are summed in steps of 1 / STEPS, about 1e-9."""
_RESIDUAL_SHARE = 0.3
"""The share of the labels' budget that is bet on the residuals; the rest is bet on wrong answers."""
_LEAST = float(np.finfo(float).eps)
"""Scores are kept this far from 0 and 1 in the log loss, as scikit-learn does."""
_MIDDLES = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
_published = attrgetter("prediction.label")


class ScoredOutput(Struct, frozen=True):
    """The fields of `watchkeeper.schemas.events.Output`, with the score restricted to its range."""

    score: Annotated[float, Meta(ge=0, le=1)] | None = None
    label: bool | int | str | None = None
    value: float | None = None
    probabilities: dict[str, float] | list[float] | None = None


class BinaryLabels(LabelsProfile):
    """Histograms of the scores of both classes, the confusion matrix, and exact sums of losses.

    >>> from watchkeeper.schemas.references import Binning, NumberBins
    >>> layout = Layout(Binning({}, {}, NumberBins(), "binary-classification"))
    >>> profile = BinaryLabels.empty(layout)
    >>> profile.add(np.array([0.9, 0.2]), np.array([1.0, 0.0]), np.array([60_000.0, 60_000.0]))
    >>> profile.add(np.array([0.2]), np.array([0.0]), np.array([60_000.0]), sign=-1)
    >>> profile.labels, profile.confusion.tolist()
    (1, [1, 0, 0, 0])
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.sums = [0, 0]
        """Log loss and squared error, in steps."""
        self.confusion: Counts = np.zeros(4, np.int64)
        """True positives, false positives, false negatives, true negatives."""
        self.histograms: Counts = np.zeros((2, SCORE_BINS), np.int64)
        """Scores of the negatives and of the positives."""
        self.calibration: Counts = np.zeros((3, CALIBRATION_BINS), np.int64)
        """By bin of the score: labels, positives, and the sum of scores in steps."""

    @property
    def wrong(self) -> int:
        """The number of wrong answers."""
        return int(self.confusion[1] + self.confusion[2])

    def _usable(self, scores: Floats, labels: Floats, predicted: Floats) -> Bools:
        usable: Bools = np.isin(labels, (0.0, 1.0)) & (~np.isnan(scores) | ~np.isnan(predicted))
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
    require(shape == (2, 4, 2, 3), "it has other sums than its task")
    require(all(len(row) == CALIBRATION_BINS for row in counts.calibration), "its calibration has other bins")
    negatives, positives = (total_of_pairs(pairs, SCORE_BINS) for pairs in counts.histograms)
    require(negatives + positives == counts.scored, "its scores do not add up")
    require(sum(counts.calibration[0]) == counts.scored, "its calibration does not add up")
    require(sum(counts.calibration[1]) == positives, "its positives do not add up")
    require(sum(counts.confusion) == counts.labels, "its confusion does not add up")
    require(not counts.errors, "it has the errors of a regression")
    sums = [unpack(total) for total in counts.sums]
    require(min(sums) >= 0, "a sum is below nothing")
    require(counts.scored > 0 or not any(sums), "it has sums of nothing")


def _fine(scores: Floats) -> NDArray[np.int64]:
    return np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)


def _quadrant(positive: Bools, labels: Floats) -> Counts:
    index: Counts = 2 * (~positive).astype(np.int64) + (labels == 0.0)
    return index


def _log_losses(scores: Floats, labels: Floats) -> Floats:
    of_truth = np.where(labels == 1.0, scores, 1.0 - scores)
    # numpy's vector logarithm may differ in the last bit with the place in the array; the scalar one can't.
    return -np.array([log(share) for share in np.clip(of_truth, _LEAST, 1.0 - _LEAST).tolist()], float)


def residuals(scores: Floats, labels: Floats) -> Floats:
    """Return label minus score, the score as the profile keeps it: the middle of its bin.

    A model whose scores are right on average has a mean of 0. A model that is too sure has another mean at
    either end of the scores.
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
    """A score in [0, 1], judged by how well it separates the classes and by its loss."""

    name = "binary-classification"
    output_struct = ScoredOutput
    output_field = "score"
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
        """Return the published labels as 0 or 1."""
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
        """Return whether each answer was wrong, and the calibration residuals."""
        wrong = ((scores >= layout.binning.threshold) != (labels == 1.0)).astype(float)
        return [
            LabelSignal(ERROR, wrong, 1 - _RESIDUAL_SHARE, is_loss=True),
            LabelSignal(RESIDUAL, residuals(scores, labels), _RESIDUAL_SHARE),
        ]

    def is_counted(self, signal: str, bins: int) -> bool:
        """Whether the bins are those of right and wrong answers, or of residuals."""
        return signal == RESIDUAL or bins == 2

    def tally(self, labels: BinaryLabels, signal: str, bins: Bins) -> Floats:
        """Count right and wrong answers, or the residuals by the middles of the bins of the scores."""
        if signal != RESIDUAL:
            return np.array([labels.labels - labels.wrong, labels.wrong], float)
        label, fine = (each.ravel().astype(float) for each in np.indices(labels.histograms.shape))
        where = bins.codes(residuals((fine + 0.5) / SCORE_BINS, label))
        counts = labels.histograms.ravel().astype(float)
        return np.bincount(where, counts, minlength=bins.count).astype(float)

    def error(self, labels: BinaryLabels) -> Sample:
        """Return the labels and how many answers were wrong."""
        return labels.labels, float(labels.wrong)

    def usual_error(self, reference: BinaryLabels) -> Signal | None:
        """Return the share of wrong answers."""
        return Signal(reference.wrong / reference.labels, SHARE_TOLERANCE)
