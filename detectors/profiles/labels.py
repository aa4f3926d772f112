"""Profiles of labels and their predictions: exact counts, from which a corrected label can be subtracted.

This module has what all tasks count. What one task counts is in its class in `detectors/tasks`.
"""

from abc import ABC, abstractmethod
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import buckets, fixed_point
from watchkeeper.detectors.profiles.columns import Bools, Floats
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.validation import check_labels
from watchkeeper.schemas.profiles import LabelsCounts

Counts = NDArray[np.int64]
"""The number of labels in each bin or bucket."""
CALIBRATION_BINS = 15
"""Number of bins of the score in the calibration counts. It is part of the wire format. Chosen by hand."""
_decoder = msgspec.msgpack.Decoder(LabelsCounts)


class LabelsProfile(ABC):
    """The labels of one subject in a span of time, each with its prediction. Every task has a subclass.

    Labels give the same bytes in any order and however they are split into batches. Cost: 0.3 us per label in
    batches of 500 to 4000.

    Args:
        layout: The bins of the output, and the task.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.labels = 0
        """Number of labels that are counted."""
        self.late = 0
        """Number of labels that arrived after their window had closed."""
        self.corrected = 0
        """Number of labels that replaced an earlier label of the same prediction."""
        self.unusable = 0
        """Number of labels that are not counted: not labels of the task, or without a usable prediction."""
        self.scored = 0
        """Number of counted labels whose prediction has an output (a score or a value)."""
        self.lag: Counts = np.zeros(buckets.COUNT, np.int64)
        """Counts of the times from prediction to label, in the buckets of
        `detectors/profiles/buckets.py`, shape (buckets.COUNT,)."""

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return a profile without labels.

        Args:
            layout: The layout.
        """
        return cls(layout)

    def add(
        self, scores: Floats, labels: Floats, lag_ms: Floats, predicted: Floats | None = None, sign: int = 1
    ) -> None:
        """Count labels.

        Args:
            scores: The outputs, shape (labels,); not finite: none.
            labels: The labels, shape (labels,).
            lag_ms: The times from prediction to label in milliseconds, shape (labels,); NaN: unknown.
            predicted: The labels that the model published, shape (labels,); NaN: none. None: all are.
            sign: 1 adds the labels; -1 subtracts labels that were added before.
        """
        scores = np.where(np.isfinite(scores), scores, np.nan)
        predicted = np.full(len(scores), np.nan) if predicted is None else predicted
        kept = np.flatnonzero(self._usable(scores, labels, predicted))
        self.unusable += sign * (len(labels) - len(kept))
        self.labels += sign * len(kept)
        for start in range(0, len(kept), fixed_point.ROWS_MAX):
            index = kept[start : start + fixed_point.ROWS_MAX]
            self.scored += sign * int(np.count_nonzero(~np.isnan(scores[index])))
            self._count(scores[index], labels[index], predicted[index], sign)
            self.lag += sign * buckets.bucket_counts(lag_ms[index])

    @abstractmethod
    def _usable(self, scores: Floats, labels: Floats, predicted: Floats) -> Bools:
        """Return a mask of the labels that can be counted. Scores are finite or NaN."""

    @abstractmethod
    def _count(self, scores: Floats, labels: Floats, predicted: Floats, sign: int) -> None:
        """Count at most `fixed_point.ROWS_MAX` usable labels."""

    def merge(self, other: Self) -> None:
        """Add the labels of another profile.

        Args:
            other: The profile.

        Raises:
            ValueError: The profile has another layout.
        """
        if other.layout.id != self.layout.id:
            raise ValueError(f"cannot merge profiles of layouts {self.layout.id} and {other.layout.id}")
        self.labels += other.labels
        self.late += other.late
        self.corrected += other.corrected
        self.unusable += other.unusable
        self.scored += other.scored
        self.lag += other.lag
        self._merge(other)

    @abstractmethod
    def _merge(self, other: Self) -> None:
        """Add what the task counts."""

    def lag_quantile_ms(self, share: float) -> float | None:
        """Return a quantile of the times from prediction to label.

        Args:
            share: The share of the labels with at most this time, 0 to 1.

        Returns:
            The time in milliseconds, within 1.6 %; None without labels.
        """
        return buckets.quantile(self.lag, share)

    def encode(self) -> bytes:
        """Encode the profile. Equal labels give equal bytes."""
        counts = LabelsCounts(
            labels=self.labels,
            orphans=0,
            late=self.late,
            corrected=self.corrected,
            unusable=self.unusable,
            scored=self.scored,
            sums=[],
            confusion=[0] * 4,
            histograms=[[], []],
            calibration=[[0] * CALIBRATION_BINS for _ in range(3)],
            errors=[],
            lag=buckets.to_pairs(self.lag),
        )
        return msgspec.msgpack.encode(msgspec.structs.replace(counts, **self._to_wire()))

    @abstractmethod
    def _to_wire(self) -> dict[str, Any]:
        """Return the fields of `LabelsCounts` that the task uses. The others stay empty."""

    @classmethod
    def decode(cls, data: bytes, layout: Layout) -> Self:
        """Decode a profile.

        Args:
            data: The bytes that `encode` returned.
            layout: The layout of the profile.

        Raises:
            ValueError: No labels of this layout can have such counts.
        """
        counts = _decoder.decode(data)
        check_labels(counts)
        profile = cls(layout)
        profile.labels, profile.late = counts.labels, counts.late
        profile.corrected, profile.unusable, profile.scored = counts.corrected, counts.unusable, counts.scored
        profile.lag = buckets.from_pairs(counts.lag, buckets.COUNT)
        profile._read(counts)
        return profile

    @abstractmethod
    def _read(self, counts: LabelsCounts) -> None:
        """Read what the task counts; raise Implausible for impossible counts."""
