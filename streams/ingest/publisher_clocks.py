"""Measures by publisher how the times of events differ from the times at which they were appended."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import PublisherClock
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.envelope import publisher
from watchkeeper.streams.ingest.spans import Times
from watchkeeper.streams.ingest.tally import Tallies

SAMPLED = 8
"""Number of events of a subject in a chunk whose headers are read, if none of them is late. Chosen by hand:
to read all headers takes longer than to fold a chunk without headers."""


class Ahead(NamedTuple):
    """An event that was set aside because its time is too far ahead."""

    subject: str
    at: int
    """The index of its record."""
    difference_ms: int
    """Its time minus the time at which it was appended."""


class Timed(NamedTuple):
    """The events of one subject in a chunk. The last three fields are parallel."""

    records: Sequence[Record]
    """All records of the chunk."""
    limits: Times
    """For each record, the time at which it was appended."""
    at: Sequence[int]
    """For each event, the index of its record."""
    times: Sequence[int] | Times
    late: NDArray[np.bool_]


def measure(tallies: Tallies, kind: Kind, subject: str, events: Timed) -> None:
    """Measure all events of a subject in a chunk if one of them is late, otherwise a sample.

    Args:
        tallies: The counts, which take the differences.
        kind: The kind of the events.
        subject: The subject.
        events: The events.
    """
    total = len(events.at)
    count = total if events.late.any() else min(total, SAMPLED)
    chosen = [i * total // count for i in range(count)]
    clocks: dict[str, PublisherClock] = {}
    for i, following in pairwise([*chosen, total]):
        at = events.at[i]
        ms = int(events.times[i] - events.limits[at])
        # A sampled event stands for those up to the next one, so that shares are not those of the sample.
        one = PublisherClock(following - i, int(events.late[i]), 0, ms, ms)
        clocks.setdefault(publisher(events.records[at]), PublisherClock()).add(one)
    for name, clock in clocks.items():
        tallies.measure(kind, subject, name, clock)


def measure_ahead(tallies: Tallies, kind: Kind, records: Sequence[Record], ahead: Sequence[Ahead]) -> None:
    """Measure the events that were set aside.

    Args:
        tallies: The counts, which take the differences.
        kind: The kind of the events.
        records: The chunk.
        ahead: The events.
    """
    for subject, at, ms in ahead:
        tallies.measure(kind, subject, publisher(records[at]), PublisherClock(1, 0, 1, ms, ms))
