"""Adds rows of predictions and features to the panes of their event times."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.limits import MODEL_VERSION_MAX, short
from watchkeeper.streams.ingest.intakes import Intake
from watchkeeper.streams.ingest.panes import OTHER, SEGMENTS_MAX, VERSIONS_MAX, PaneKey
from watchkeeper.streams.ingest.partition import Partition

UNVERSIONED = "unversioned"
"""The version of events that name none."""
Indices = NDArray[np.intp]


class Rows(NamedTuple):
    """Decoded events of one subject from one chunk, in the order of arrival."""

    events: Sequence[Any]
    times: NDArray[np.int64]
    wrong: dict[int, tuple[str, ...]]
    """Features of a wrong type, by index of event."""
    offset: int
    """The offset of the chunk's first record."""

    def take(self, index: Indices) -> "Rows":
        """Select rows by position."""
        wrong = {new: self.wrong[old] for new, old in enumerate(index.tolist()) if old in self.wrong}
        return Rows([self.events[i] for i in index.tolist()], self.times[index], wrong, self.offset)


class Places(NamedTuple):
    """For each row, whether it is late, and the start of the pane that counts it."""

    late: NDArray[np.bool_]
    starts: NDArray[np.int64]

    def take(self, index: Indices | None) -> "Places":
        """Select rows by position; None selects all."""
        return self if index is None else Places(self.late[index], self.starts[index])


class VersionRows:
    """Rows of one subject, version and revision of the monitor."""

    def __init__(
        self, subject: str, version: str, intake: Intake, rows: Rows, is_merged: bool = False
    ) -> None:
        self.subject = subject
        self.version = version
        self.intake = intake
        self.rows = rows
        self.is_merged = is_merged
        """Whether the subject has too many versions, so that these rows count as `OTHER`."""

    @property
    def layout(self) -> Layout:
        """The layout by which the rows are counted."""
        return self.intake.watched.layout(self.version)

    @cached_property
    def columns(self) -> Columns:
        """The rows as columns."""
        return self.intake.columnizer.columns(self.rows.events, self.rows.wrong)

    @cached_property
    def segments(self) -> list[list[str]]:
        """For each segment dimension of the monitor, the value of each row."""
        return self.intake.columnizer.segments(self.rows.events)


def batches(partition: Partition, subject: str, rows: Rows) -> Iterator[tuple[VersionRows, Indices | None]]:
    """Split a subject's rows by version and revision; yield each part with its positions (None for all)."""
    for version, index in _by_version(rows.events):
        name = partition.panes.name(VERSIONS_MAX, subject, short(version, MODEL_VERSION_MAX))
        whole = rows if index is None else rows.take(index)
        runs = partition.subjects.intakes[subject].revisions.runs(whole.times)
        for intake, run in runs:
            at, part = index, whole
            if len(runs) > 1:
                positions = np.arange(len(whole.events))[run]
                at, part = positions if index is None else index[run], whole.take(positions)
            yield VersionRows(subject, name, intake, part, is_merged=name == OTHER != version), at


def _by_version(events: Sequence[Any]) -> list[tuple[str, Indices | None]]:
    versions = [getattr(event, "model_version", UNVERSIONED) for event in events]
    distinct = dict.fromkeys(versions)
    if len(distinct) == 1:
        return [(versions[0], None)]
    named = np.array(versions, dtype=object)
    return [(version, np.flatnonzero(named == version)) for version in distinct]


class RowsIntake:
    """Folds rows of one kind into the panes of one partition."""

    def __init__(self, partition: Partition, kind: Kind) -> None:
        self._partition = partition
        self._kind = kind

    def place(self, subject: str, rows: Rows) -> Places:
        """Advance the subject's clock; return which rows are late and which pane counts each."""
        panes = self._partition.subjects.intakes[subject].panes
        clock = self._partition.clock(self._kind, subject)
        return Places(*clock.late(rows.times, panes))

    def add(self, batch: VersionRows, places: Places, repeats: Sequence[int]) -> None:
        """Fold the rows that are neither late nor repeats, and count the others.

        Args:
            batch: The rows.
            places: Where each row is counted.
            repeats: The positions of the rows that repeat a prediction.
        """
        repeated = np.zeros(len(places.late), dtype=np.bool_)
        repeated[repeats] = True
        keep = ~(places.late | repeated)
        if batch.is_merged:
            self._partition.exceeded.add(batch.subject, "versions", int(np.count_nonzero(keep)))
        self._count(batch, places, repeated)
        for start_ms in np.unique(places.starts[keep]).tolist():
            index = np.flatnonzero(keep & (places.starts == start_ms))
            key = self._key(batch, batch.intake, start_ms)
            self._fold(key, batch, index)
            for dimension, values in zip(batch.intake.watched.monitor.segments, batch.segments, strict=True):
                self._fold_segments(key, batch, index, dimension, values)

    def _key(self, batch: VersionRows, intake: Intake, start_ms: int) -> PaneKey:
        end_ms, layout = start_ms + intake.spans.pane_ms, intake.watched.layout(batch.version)
        return PaneKey(self._kind, batch.subject, batch.version, None, start_ms, end_ms, layout.id)

    def _fold(self, key: PaneKey, batch: VersionRows, index: Indices) -> None:
        profile = self._partition.panes.rows(key, batch.layout)
        whole = len(index) == batch.columns.rows
        profile.add(batch.columns if whole else batch.columns.take(index))
        times = batch.rows.times[index]
        profile.see_times(int(times.min()), int(times.max()))

    def _fold_segments(
        self, key: PaneKey, batch: VersionRows, index: Indices, dimension: str, values: list[str]
    ) -> None:
        groups: dict[str, list[int]] = {}
        for i in index.tolist():
            groups.setdefault(values[i], []).append(i)
        for value, rows in groups.items():
            name = self._partition.panes.name(SEGMENTS_MAX, batch.subject, dimension, value)
            if name == OTHER != value:
                self._partition.exceeded.add(batch.subject, "segments", len(rows))
            self._fold(key._replace(segment=f"{dimension}={name}"), batch, np.array(rows))

    def _count(self, batch: VersionRows, places: Places, repeated: NDArray[np.bool_]) -> None:
        late = places.late & ~repeated
        n_late, n_repeated = int(np.count_nonzero(late)), int(np.count_nonzero(repeated))
        account = self._partition.accounts[self._kind]
        account.late += n_late
        account.duplicate += n_repeated
        accepted = len(late) - n_late - n_repeated
        account.accepted += accepted
        self._partition.tallies.count(self._kind, batch.subject, accepted, n_late, n_repeated)
        for start_ms in np.unique(places.starts[late | repeated]).tolist():
            here = places.starts == start_ms
            # A late row is counted in an open pane, where another monitor may be in force.
            intake = self._partition.subjects.intakes[batch.subject].revisions.at(start_ms)
            layout = intake.watched.layout(batch.version)
            profile = self._partition.panes.rows(self._key(batch, intake, start_ms), layout)
            profile.late += int(np.count_nonzero(late & here))
            profile.duplicates += int(np.count_nonzero(repeated & here))
