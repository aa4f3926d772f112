"""Profiles of rows: counts, extremes and exact sums, which merge to the same bytes in any order."""

from collections import Counter
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles import buckets, fixed_point
from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import OUTPUT, Layout
from watchkeeper.detectors.profiles.reading import read_categories, read_numbers
from watchkeeper.detectors.profiles.spans import SpanExtremes
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.detectors.profiles.unseen import Unseen
from watchkeeper.detectors.profiles.validation import check_rows
from watchkeeper.schemas.profiles import RowsCounts

__all__ = ["LabelsProfile", "RowsProfile"]

Counts = NDArray[np.int64]
"""The number of rows in each bin or bucket."""
_CHUNK = 1024
"""Number of rows that are counted at once. Chosen by hand: they fit into the processor's cache, and are fewer
than `fixed_point.ROWS_MAX`."""
_decoder = msgspec.msgpack.Decoder(RowsCounts)


class RowsProfile:
    """The rows of one subject in a span of time.

    Rows give the same bytes in any order and however they are split into batches. Cost: 0.3 us per row of 16
    numbers and 4 categories, in batches of 500 to 4000; 1.5 us in batches of 50.

    Args:
        layout: The bins of numbers and the known categories.

    >>> from watchkeeper.schemas.references import Binning, NumberBinning
    >>> layout = Layout(Binning({"temp": NumberBinning((50.0,))}, {"origin": ("EWR", "JFK")}))
    >>> profile = RowsProfile.empty(layout)
    >>> profile.add(Columns(3, np.array([[40.0, 60.0, np.nan]]), [["EWR", "LGA", None]]))
    >>> temp = profile.number("temp")
    >>> temp.bins.tolist(), temp.missing, temp.mean, profile.category("origin").kept
    ([1, 1], 1, 50.0, {'LGA': 1})
    """

    def __init__(self, layout: Layout) -> None:
        numbers, categories = len(layout.numbers), len(layout.known)
        self.layout = layout
        self.rows = 0
        self.duplicates = 0
        """Number of repeated events, which are not among the rows."""
        self.late = 0
        """Number of rows that arrived after their window had closed."""
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        """The first and the last event time in milliseconds."""
        self.bins: Counts = np.zeros((numbers, layout.width), np.int64)
        """The rows in each bin, shape (numbers, layout.width)."""
        self.out_of_range: Counts = np.zeros(numbers, np.int64)
        """The rows out of the declared range, shape (numbers,)."""
        self.wrong_type: Counts = np.zeros(len(layout.numeric) + categories + 1, np.int64)
        """The rows with a value of a wrong type, shape (numeric, then category features, then output,)."""
        self.lowest: Floats = np.full(numbers, np.inf)
        self.highest: Floats = np.full(numbers, -np.inf)
        """The smallest and the largest values, shape (numbers,)."""
        self.totals = [0] * numbers
        self.squares = [0] * numbers
        """The exact sums in steps of each number's grid, and the sums of squares in squared steps."""
        self.known: list[Counter[str | None]] = [
            Counter(dict.fromkeys((*known, None), 0)) for known in layout.known
        ]
        """The rows of each known category, for each category feature; None is no usable value."""
        self.unseen = [Unseen() for _ in layout.known]
        """The unseen categories of each category feature."""
        self.latency: Counts = np.zeros(buckets.COUNT, np.int64)
        """The serving latencies in the buckets of `buckets.py`, shape (buckets.COUNT,)."""
        self.spans = SpanExtremes()
        """The variation of the sealed spans that were merged into this profile."""
        self.labelled = 0
        """Number of rows with a label of the model and no output."""

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return a profile without rows.

        Args:
            layout: The layout.
        """
        return cls(layout)

    def add(self, columns: Columns) -> None:
        """Count a batch of rows.

        Args:
            columns: The batch, which is not changed.
        """
        for chunk in columns.chunks(_CHUNK):
            if chunk.rows:
                self._add(chunk)

    def see_times(self, first_ms: int, last_ms: int) -> None:
        """Widen the span of event time that the rows cover.

        Args:
            first_ms: The earliest event time in milliseconds.
            last_ms: The latest event time in milliseconds.
        """
        self.first_ms = first_ms if self.first_ms is None else min(self.first_ms, first_ms)
        self.last_ms = last_ms if self.last_ms is None else max(self.last_ms, last_ms)

    def seal(self) -> None:
        """Mark the rows as one span of time. Merged spans keep the variation from span to span."""
        numbers = {name: self.number(name) for name in self.layout.numeric}
        if (output := self.output) is not None:
            numbers[OUTPUT] = output
        categories = {name: self.category(name) for name in self.layout.categorical}
        self.spans = SpanExtremes.of(self.rows, {**numbers, **categories})

    def _add(self, columns: Columns) -> None:
        self.rows += columns.rows
        self._add_numbers(self.layout.values(columns))
        for index, column in enumerate(columns.categories):
            self._add_category(index, column)
        if columns.wrong_type is not None:
            self.wrong_type[: len(columns.wrong_type)] += np.count_nonzero(columns.wrong_type, axis=1)
        if columns.latency_ms is not None:
            self.latency += buckets.bucket_counts(columns.latency_ms)
        if columns.labelled is not None and columns.scores is not None:
            self.labelled += int(np.count_nonzero(np.isnan(columns.scores) & columns.labelled))

    def _add_numbers(self, values: Floats) -> None:
        if not len(values):
            return
        absent = np.isnan(values)
        ordered = np.sort(values, axis=1)  # NaN comes last
        usable = values.shape[1] - np.count_nonzero(absent, axis=1)
        below = np.repeat(usable[:, None], self.layout.width, axis=1)
        for row, edges, counts in zip(ordered, self.layout.edges, below, strict=True):
            counts[: len(edges)] = row.searchsorted(edges)
        below[:, 1:] -= below[:, :-1].copy()
        self.bins += below
        lowest, highest = ordered[:, 0], ordered[np.arange(len(values)), usable - 1]
        self.lowest, self.highest = np.fmin(self.lowest, lowest), np.fmax(self.highest, highest)
        if (lowest < self.layout.low).any() or (highest > self.layout.high).any():
            outside = (values < self.layout.low[:, None]) | (values > self.layout.high[:, None])
            self.out_of_range += np.count_nonzero(outside, axis=1)
        self._add_sums(values, absent)

    def _add_sums(self, values: Floats, absent: NDArray[np.bool_]) -> None:
        steps = fixed_point.to_grid(values, self.layout.centre, self.layout.scale)
        np.copyto(steps, 0.0, where=absent)
        totals, squares = fixed_point.exact_sums(steps)
        self.totals = [a + b for a, b in zip(self.totals, totals, strict=True)]
        self.squares = [a + b for a, b in zip(self.squares, squares, strict=True)]

    def _add_category(self, index: int, column: list[str | None]) -> None:
        known = self.known[index]
        size = len(known)
        known.update(column)
        if len(known) > size:
            # A dict keeps its order, so unseen categories come after the known ones.
            new = list(known)[size:]
            self.unseen[index].add({str(category): known.pop(category) for category in new})

    def merge(self, other: "RowsProfile") -> None:
        """Add the rows of another profile.

        Args:
            other: The profile.

        Raises:
            ValueError: The profile has another layout.
        """
        if other.layout.id != self.layout.id:
            raise ValueError(f"cannot merge profiles of layouts {self.layout.id} and {other.layout.id}")
        self.rows += other.rows
        self.duplicates += other.duplicates
        self.late += other.late
        if other.first_ms is not None and other.last_ms is not None:
            self.see_times(other.first_ms, other.last_ms)
        self.bins += other.bins
        self.out_of_range += other.out_of_range
        self.wrong_type += other.wrong_type
        self.lowest = np.fmin(self.lowest, other.lowest)
        self.highest = np.fmax(self.highest, other.highest)
        self.totals = [a + b for a, b in zip(self.totals, other.totals, strict=True)]
        self.squares = [a + b for a, b in zip(self.squares, other.squares, strict=True)]
        for mine, theirs in zip(self.known, other.known, strict=True):
            mine.update(theirs)
        for kept, others in zip(self.unseen, other.unseen, strict=True):
            kept.merge(others)
        self.latency += other.latency
        self.spans.merge(other.spans)
        self.labelled += other.labelled

    def number(self, name: str) -> NumberSummary:
        """Summarise one numeric feature.

        Args:
            name: The feature.
        """
        return self._number(self.layout.numeric.index(name))

    @property
    def output(self) -> NumberSummary | None:
        """The summary of the model's score or value; None without a model."""
        return self._number(len(self.layout.numeric)) if self.layout.binning.output else None

    def _number(self, index: int) -> NumberSummary:
        features = len(self.layout.numeric)
        return NumberSummary(
            rows=self.rows,
            wrong_type=int(self.wrong_type[index if index < features else -1]),
            outside=int(self.out_of_range[index]),
            shape=self.layout.numbers[index],
            bins=self.bins[index, : len(self.layout.edges[index]) + 1],
            total=self.totals[index],
            squares=self.squares[index],
            lowest=float(self.lowest[index]),
            highest=float(self.highest[index]),
        )

    def category(self, name: str) -> CategorySummary:
        """Summarise one category or boolean feature.

        Args:
            name: The feature.
        """
        index = self.layout.categorical.index(name)
        return CategorySummary(
            rows=self.rows,
            wrong_type=int(self.wrong_type[len(self.layout.numeric) + index]),
            known={category: self.known[index][category] for category in self.layout.known[index]},
            outside=self.unseen[index].total,
            kept=self.unseen[index].in_order(),
        )

    def latency_quantile_ms(self, share: float) -> float | None:
        """Give a quantile of the serving latency.

        Args:
            share: The share of the rows with at most this latency, 0 to 1.

        Returns:
            The latency in milliseconds, within 1.6 %; None without latencies.
        """
        return buckets.quantile(self.latency, share)

    def encode(self) -> bytes:
        """Encode the profile. Equal rows give equal bytes."""
        names = self.layout.categorical
        return msgspec.msgpack.encode(
            RowsCounts(
                rows=self.rows,
                duplicates=self.duplicates,
                late=self.late,
                first_ms=self.first_ms,
                last_ms=self.last_ms,
                numbers=[self._number(index).to_wire() for index in range(len(self.layout.numbers))],
                categories=[self.category(name).to_wire() for name in names],
                latency=buckets.to_pairs(self.latency),
                spans=self.spans.to_wire(),
                labelled=self.labelled,
            )
        )

    @classmethod
    def decode(cls, data: bytes, layout: Layout) -> Self:
        """Decode a profile.

        Args:
            data: The bytes that `encode` returned.
            layout: The layout of the profile.

        Raises:
            ValueError: No rows of this layout can have such counts.
        """
        counts = _decoder.decode(data)
        check_rows(counts, layout)
        profile = cls(layout)
        profile.rows, profile.duplicates, profile.late = counts.rows, counts.duplicates, counts.late
        profile.first_ms, profile.last_ms = counts.first_ms, counts.last_ms
        read_numbers(profile, counts.numbers)
        read_categories(profile, counts.categories)
        profile.latency = buckets.from_pairs(counts.latency, buckets.COUNT)
        profile.spans, profile.labelled = SpanExtremes.from_wire(counts.spans), counts.labelled
        return profile
