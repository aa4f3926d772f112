"""What is kept of many labels and their predictions: exact, and a corrected label can be taken back.

What all tasks keep is here. What one task keeps is in its class in `detectors/tasks`.
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
CALIBRATION_BINS = 15
"""Bins of the score in the calibration counts on the wire."""
_decoder = msgspec.msgpack.Decoder(LabelsCounts)


class LabelsProfile(ABC):
    """The labels of one subject in a span of time, each with its prediction. Every task has a subclass.

    Any split of the labels, in any order, gives the same bytes. Cost: 0.3 us per label in batches of 500 to
    4000.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.labels = 0
        """Labels that are counted."""
        self.late = 0
        """Labels that came after their window had closed."""
        self.corrected = 0
        """Labels that replaced an earlier label of the same prediction."""
        self.unusable = 0
        """Labels that can't be counted: no label of the task, or with no usable prediction."""
        self.scored = 0
        """Labels whose prediction had an output (a score or a value)."""
        self.lag: Counts = np.zeros(buckets.COUNT, np.int64)
        """Times from prediction to label in milliseconds, in the buckets of
        `detectors/profiles/buckets.py`."""

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return a profile of no labels."""
        return cls(layout)

    def add(
        self, scores: Floats, labels: Floats, lag_ms: Floats, predicted: Floats | None = None, sign: int = 1
    ) -> None:
        """Count labels; all arrays are [labels].

        `scores` are the outputs (NaN: none), `predicted` the labels that the model published (NaN: none).
        A `sign` of -1 takes the same labels back exactly.
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
        """Return which labels can be counted; a score is finite or NaN."""

    @abstractmethod
    def _count(self, scores: Floats, labels: Floats, predicted: Floats, sign: int) -> None:
        """Count usable labels, at most `fixed_point.ROWS_MAX`."""

    def merge(self, other: Self) -> None:
        """Add the labels of another profile of the same layout; ValueError for another layout."""
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
        """Return the time from prediction to label that a share of the labels stayed within, to 1.6 %."""
        return buckets.quantile(self.lag, share)

    def encode(self) -> bytes:
        """Write the profile; equal labels give equal bytes."""
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
        """Return the fields of `LabelsCounts` that the task uses; the others stay empty."""

    @classmethod
    def decode(cls, data: bytes, layout: Layout) -> Self:
        """Read a profile that was written with a layout of the same id; ValueError for impossible counts."""
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
        """Take over what the task counts; Implausible for counts that its labels can't have."""
