"""Rows of predictions and features go into the panes of their event time."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.columns import Columns
from detectors.layout import Layout
from schemas.findings import Kind
from streams.panes import SEGMENTS_MAX, VERSIONS_MAX, PaneKey
from streams.partition import Partition
from streams.subjects import Intake

UNVERSIONED = "unversioned"
Indices = NDArray[np.intp]


class Rows(NamedTuple):
    """Decoded events of one subject from one chunk, in the order in which they came."""

    events: Sequence[Any]
    times: NDArray[np.int64]
    wrong: dict[int, tuple[str, ...]]
    """Features of a wrong type, by index of event."""
    offset: int
    """Of the chunk's first record."""

    def take(self, index: Indices) -> "Rows":
        """Select rows by position."""
        wrong = {new: self.wrong[old] for new, old in enumerate(index.tolist()) if old in self.wrong}
        return Rows([self.events[i] for i in index.tolist()], self.times[index], wrong, self.offset)


class Batch(NamedTuple):
    """Rows of one version, as columns."""

    subject: str
    version: str
    intake: Intake
    layout: Layout
    rows: Rows
    columns: Columns
    segments: list[list[str]]


def batches(partition: Partition, subject: str, rows: Rows) -> Iterator[tuple[Batch, Indices | None]]:
    """Split the rows of a subject by version; None stands for the positions of all rows."""
    intake = partition.subjects.intakes[subject]
    for version, index in _by_version(rows.events):
        name = partition.panes.name(VERSIONS_MAX, subject, version)
        part = rows if index is None else rows.take(index)
        columns = intake.columnizer.columns(part.events, part.wrong)
        segments = intake.columnizer.segments(part.events)
        yield Batch(subject, name, intake, intake.watched.layout(name), part, columns, segments), index


def _by_version(events: Sequence[Any]) -> list[tuple[str, Indices | None]]:
    versions = [getattr(event, "model_version", UNVERSIONED) for event in events]
    distinct = dict.fromkeys(versions)
    if len(distinct) == 1:
        return [(versions[0], None)]
    named = np.array(versions, dtype=object)
    return [(version, np.flatnonzero(named == version)) for version in distinct]


class RowsIntake:
    """Folds rows of one kind into one partition's panes."""

    def __init__(self, partition: Partition, kind: Kind) -> None:
        self._partition = partition
        self._kind = kind

    def late(self, subject: str, rows: Rows) -> NDArray[np.bool_]:
        """Say which rows are late, and move the subject's clock on."""
        spans = self._partition.subjects.intakes[subject].spans
        return self._partition.clock(self._kind, subject).late(rows.times, spans.pane_ms, spans.lateness_ms)

    def add(self, batch: Batch, late: NDArray[np.bool_], repeats: Sequence[int]) -> None:
        """Fold the rows that are neither late nor repeats; count those that are."""
        keep = ~late
        keep[repeats] = False
        self._count(batch, late, repeats)
        pane_ms = batch.intake.spans.pane_ms
        starts = batch.rows.times // pane_ms * pane_ms
        for start_ms in np.unique(starts[keep]).tolist():
            index = np.flatnonzero(keep & (starts == start_ms))
            key = self._key(batch, start_ms)
            self._fold(key, batch, index)
            for dimension, values in zip(batch.intake.watched.monitor.segments, batch.segments, strict=True):
                self._fold_segments(key, batch, index, dimension, values)

    def _key(self, batch: Batch, start_ms: int) -> PaneKey:
        end_ms = start_ms + batch.intake.spans.pane_ms
        return PaneKey(self._kind, batch.subject, batch.version, None, start_ms, end_ms, batch.layout.id)

    def _fold(self, key: PaneKey, batch: Batch, index: Indices) -> None:
        profile = self._partition.panes.rows(key, batch.layout)
        whole = len(index) == batch.columns.rows
        profile.add(batch.columns if whole else batch.columns.take(index))
        times = batch.rows.times[index]
        profile.see_times(int(times.min()), int(times.max()))

    def _fold_segments(
        self, key: PaneKey, batch: Batch, index: Indices, dimension: str, values: list[str]
    ) -> None:
        groups: dict[str, list[int]] = {}
        for i in index.tolist():
            groups.setdefault(values[i], []).append(i)
        for value, rows in groups.items():
            name = self._partition.panes.name(SEGMENTS_MAX, batch.subject, dimension, value)
            self._fold(key._replace(segment=f"{dimension}={name}"), batch, np.array(rows))

    def _count(self, batch: Batch, late: NDArray[np.bool_], repeats: Sequence[int]) -> None:
        alone = late.copy()
        alone[repeats] = False
        n_late, n_repeats = int(np.count_nonzero(alone)), len(repeats)
        account = self._partition.accounts[self._kind]
        account.late += n_late
        account.duplicate += n_repeats
        account.accepted += len(late) - n_late - n_repeats
        if n_late or n_repeats:
            # They have no pane of their own any more: count them in the one that is open now.
            clock = self._partition.clock(self._kind, batch.subject)
            pane_ms = batch.intake.spans.pane_ms
            start_ms = max(clock.latest_ms // pane_ms * pane_ms, clock.closed_ms)
            profile = self._partition.panes.rows(self._key(batch, start_ms), batch.layout)
            profile.late += n_late
            profile.duplicates += n_repeats
