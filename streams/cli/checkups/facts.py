"""What the checks of the work look at. It is read once from the broker (`reading.py`), and never changed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import PublisherClock
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.ingest.accounts import Account, LabelAccount
from watchkeeper.streams.ingest.clock import Clock

__all__ = ["Facts", "GroupMember", "IngestFacts", "Input", "LastWindow", "Saved", "Trouble", "WorkerGroup"]

Place = tuple[str, int]
"""A topic without its prefix, or a stage; and the number of a partition."""


class GroupMember(NamedTuple):
    """One worker in the group."""

    host: str
    places: frozenset[Place]
    """The partitions of topics that are assigned to it."""


class WorkerGroup(NamedTuple):
    """The consumer group of the workers."""

    name: str
    state: str
    """As the broker names it, in lower case: stable, empty, preparing_rebalancing, ..."""
    members: Sequence[GroupMember]
    """It is empty where the broker does not report the members."""


class Input(NamedTuple):
    """One partition of a topic that a stage reads."""

    stage: str
    topic: str
    partition: int
    position: int | None
    """The offset after the last record in the checkpoint; None without a checkpoint of it."""
    start: int
    """The first offset that exists."""
    end: int
    """The offset after the last record."""
    unread: int | None = None
    """The offset of the first record that is not folded; None: there is none."""
    unread_ms: int | None = None
    """When that record was appended."""

    @property
    def lag(self) -> int:
        """Return the number of offsets from the first unread record to the end."""
        return 0 if self.unread is None else max(0, self.end - self.unread)


class Saved(NamedTuple):
    """The newest checkpoint of a stage and partition."""

    at_ms: int
    """When it was appended."""
    offsets: Mapping[str, int]
    """Topic -> offset of the last folded record."""
    size_bytes: int


class IngestFacts(NamedTuple):
    """What the checkpoint of one partition of ingest holds."""

    accounts: Mapping[str, Account]
    """By topic."""
    labels: LabelAccount
    clocks: Mapping[tuple[Kind, str], Clock]
    """By kind and subject."""


class Trouble(NamedTuple):
    """What evaluate knows of a subject whose events were late or rejected lately."""

    read_coverage: float | None
    """The share of its events that are in statistics, in its last judged account; None: there is none yet."""
    clocks: Mapping[str, PublisherClock]
    """By publisher (`ce_source`), the differences of event and append time since then."""


class LastWindow(NamedTuple):
    """The newest closed window of a subject."""

    end_ms: int
    """Event time at which it ends."""
    at_ms: int
    """When its statistics were appended."""


class Facts(NamedTuple):
    """Everything that the checks of the work look at."""

    now_ms: int
    group: WorkerGroup | None
    """None: the broker did not describe it; `unreadable` says why."""
    inputs: Sequence[Input]
    saved: Mapping[Place, Saved]
    """By stage and partition."""
    ingest: Mapping[int, IngestFacts]
    """By partition."""
    windows: Mapping[str, LastWindow]
    """By subject, as far as the newest records of `statistics` tell."""
    alerts: Sequence[tuple[Alert, int]]
    """The newest state of each alert, and when it was appended."""
    troubles: Mapping[str, Trouble]
    """By subject."""
    rejections: Sequence[Rejection]
    """The newest records of `rejected`."""
    unreadable: Sequence[str] = ()
    """One sentence for each thing that could not be read."""
