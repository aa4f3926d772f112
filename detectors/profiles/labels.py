"""What is kept of many labels and their predictions: exact, and a corrected label can be taken back."""

from math import log
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import buckets, fixed_point
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.validation import check_labels
from watchkeeper.schemas.profiles import LabelsCounts

SCORE_BINS = 1024
"""Scores in one of these bins count as tied in AUROC."""
CALIBRATION_BINS = 15
STEPS = 2**30
"""The grid of scores and losses: 1e-9."""
_LEAST = float(np.finfo(float).eps)
"""Scores are kept this far from 0 and 1 in the log loss, as scikit-learn does."""

Counts = NDArray[np.int64]
_decoder = msgspec.msgpack.Decoder(LabelsCounts)


class LabelsProfile:
    """The labels of one subject in a span of time, each with what the model had said.

    Cost: 0.3 us per label in batches of 500 to 4000.

    >>> from watchkeeper.schemas.references import Binning, NumberBinning
    >>> layout = Layout(Binning({}, {}, NumberBinning(), "binary-classification"))
    >>> profile = LabelsProfile.empty(layout)
    >>> profile.add(np.array([0.9, 0.2]), np.array([1.0, 0.0]), np.array([60_000.0, 60_000.0]))
    >>> profile.add(np.array([0.2]), np.array([0.0]), np.array([60_000.0]), sign=-1)
    >>> profile.labels, profile.confusion.tolist()
    (1, [1, 0, 0, 0])
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.binary = layout.binning.task != "regression"
        self.labels = 0
        self.late = 0
        self.corrected = 0
        self.unusable = 0
        """Labels that say nothing: neither 0 nor 1, not finite, or with no score and no predicted label."""
        self.scored = 0
        """Labels whose prediction had a score (or value)."""
        self.sums = [0, 0] if self.binary else [0, 0, 0]
        """Classification: log loss, squared error. Regression: error, absolute error, squared error."""
        self.confusion: Counts = np.zeros(4, np.int64)
        """True positives, false positives, false negatives, true negatives."""
        self.histograms: Counts = np.zeros((2, SCORE_BINS), np.int64)
        """Scores of the negatives and of the positives."""
        self.calibration: Counts = np.zeros((3, CALIBRATION_BINS), np.int64)
        """Per bin of the score: labels, positives, and the sum of scores in steps."""
        self.errors: Counts = np.zeros(buckets.COUNT, np.int64)
        """Absolute errors of a regression, in logarithmic buckets of 2**20 steps."""
        self.lag: Counts = np.zeros(buckets.COUNT, np.int64)

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Begin with no labels."""
        return cls(layout)

    def add(
        self, scores: Floats, labels: Floats, lag_ms: Floats, predicted: Floats | None = None, sign: int = 1
    ) -> None:
        """Count labels with the scores (NaN: none) and predicted labels; sign -1 takes them back exactly."""
        scores = np.where(np.isfinite(scores), scores, np.nan)
        predicted = np.full(len(scores), np.nan) if predicted is None else predicted
        usable = np.isin(labels, (0.0, 1.0)) if self.binary else np.isfinite(labels)
        usable &= ~np.isnan(scores) | (self.binary & ~np.isnan(predicted))
        kept = np.flatnonzero(usable)
        self.unusable += sign * (len(labels) - len(kept))
        self.labels += sign * len(kept)
        for start in range(0, len(kept), fixed_point.ROWS_MAX):
            index = kept[start : start + fixed_point.ROWS_MAX]
            self._add(scores[index], labels[index], predicted[index], sign)
            self.lag += sign * buckets.bucket_counts(lag_ms[index])

    def _add(self, scores: Floats, labels: Floats, predicted: Floats, sign: int) -> None:
        scored = ~np.isnan(scores)
        self.scored += sign * int(np.count_nonzero(scored))
        if not self.binary:
            self._add_errors(scores, labels, sign)
            return
        scores = np.clip(scores, 0.0, 1.0)
        said = np.where(np.isnan(predicted), scores >= self.layout.binning.threshold, predicted > 0)
        self.confusion += sign * np.bincount(_quadrant(said, labels), minlength=4)
        self._add_scores(scores[scored], labels[scored], sign)

    def _add_scores(self, scores: Floats, labels: Floats, sign: int) -> None:
        truth = labels.astype(np.int64)
        fine = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
        joint = np.bincount(truth * SCORE_BINS + fine, minlength=2 * SCORE_BINS)
        self.histograms += sign * joint.reshape(2, SCORE_BINS)
        coarse = np.minimum((scores * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for row, weights in zip(self.calibration, (None, labels, np.rint(scores * STEPS)), strict=True):
            row += sign * np.bincount(coarse, weights, CALIBRATION_BINS).astype(np.int64)
        losses = (_log_losses(scores, labels), np.square(scores - labels))
        for index, loss in enumerate(losses):
            self.sums[index] += sign * int(np.rint(loss * STEPS).sum())

    def _add_errors(self, values: Floats, labels: Floats, sign: int) -> None:
        with np.errstate(over="ignore"):
            steps = fixed_point.to_grid(values - labels, 0.0, 2.0**self.error_exponent)
        totals, squares = fixed_point.exact_sums(np.stack((steps, np.abs(steps))))
        for index, total in enumerate((*totals, squares[0])):
            self.sums[index] += sign * total
        self.errors += sign * buckets.bucket_counts(np.abs(steps) * 2.0**-20)

    @property
    def error_exponent(self) -> int:
        """Errors of a regression lie on a grid of 2**-exponent."""
        return self.layout.binning.output.exponent if self.layout.binning.output else 20

    def merge(self, other: "LabelsProfile") -> None:
        """Add the labels of another profile of the same layout."""
        if other.layout.id != self.layout.id:
            raise ValueError(f"cannot merge profiles of layouts {self.layout.id} and {other.layout.id}")
        self.labels += other.labels
        self.late += other.late
        self.corrected += other.corrected
        self.unusable += other.unusable
        self.scored += other.scored
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.confusion += other.confusion
        self.histograms += other.histograms
        self.calibration += other.calibration
        self.errors += other.errors
        self.lag += other.lag

    def lag_quantile_ms(self, share: float) -> float | None:
        """Give the time from prediction to label that a share of the labels stayed within, to 1.6 %."""
        return buckets.quantile(self.lag, share)

    def encode(self) -> bytes:
        """Write the profile; equal labels give equal bytes."""
        return msgspec.msgpack.encode(
            LabelsCounts(
                labels=self.labels,
                orphans=0,
                late=self.late,
                corrected=self.corrected,
                unusable=self.unusable,
                scored=self.scored,
                sums=[fixed_point.pack(total) for total in self.sums],
                confusion=self.confusion.tolist(),
                histograms=[buckets.to_pairs(counts) for counts in self.histograms],
                calibration=self.calibration.tolist(),
                errors=buckets.to_pairs(self.errors),
                lag=buckets.to_pairs(self.lag),
            )
        )

    @classmethod
    def decode(cls, data: bytes, layout: Layout) -> Self:
        """Read a profile that was written with a layout of the same id; ValueError for what can't be one."""
        counts = _decoder.decode(data)
        check_labels(counts, layout, SCORE_BINS, CALIBRATION_BINS)
        profile = cls(layout)
        profile.labels, profile.late = counts.labels, counts.late
        profile.corrected, profile.unusable, profile.scored = counts.corrected, counts.unusable, counts.scored
        profile.sums = [fixed_point.unpack(total) for total in counts.sums]
        profile.confusion = np.array(counts.confusion, np.int64)
        profile.histograms = np.stack([buckets.from_pairs(pairs, SCORE_BINS) for pairs in counts.histograms])
        profile.calibration = np.array(counts.calibration, np.int64)
        profile.errors = buckets.from_pairs(counts.errors, buckets.COUNT)
        profile.lag = buckets.from_pairs(counts.lag, buckets.COUNT)
        return profile


def _quadrant(said: NDArray[np.bool_], labels: Floats) -> Counts:
    index: Counts = 2 * (~said).astype(np.int64) + (labels == 0.0)
    return index


def _log_losses(scores: Floats, labels: Floats) -> Floats:
    of_truth = np.where(labels == 1.0, scores, 1.0 - scores)
    # numpy's vector logarithm may differ in the last bit with the place in the array; the scalar one can't.
    return -np.array([log(share) for share in np.clip(of_truth, _LEAST, 1.0 - _LEAST).tolist()], float)
