"""The messages from ingest to evaluate: panes of rows, watermarks, and accounts of events with trouble.

Every subject has its own event time: a model that is replayed from last year, or fed by a slow batch job,
neither delays nor overtakes the others. All messages go to the partition of `profiles` that belongs to their
subjects.
"""

from typing import Annotated

from msgspec import Meta, Struct

from watchkeeper.schemas.findings import Count, Kind, TimeMs
from watchkeeper.schemas.rejections import Reason
from watchkeeper.schemas.times import BEGINNING_MS, LATEST_MS

Sum = Annotated[bytes, Meta(max_length=64)]
"""A signed little-endian integer, which may exceed 64 bits."""
Reached = Annotated[int, Meta(ge=BEGINNING_MS, le=LATEST_MS)]
"""How far event time has come, in ms since 1970; `BEGINNING_MS` until the first pane is closed."""

PUBLISHERS_MAX = 20
"""Most publishers whose clocks are told apart in one account. Chosen by hand; it bounds messages."""
OTHER_PUBLISHERS = "__other__"
"""The name of all publishers beyond `PUBLISHERS_MAX`."""


class Pane(Struct, frozen=True, tag="pane"):
    """The profile of one subject's rows in one pane and one partition; sent once, when the pane closes."""

    subject: str
    """The model or feature view."""
    version: str
    """The version of the model; empty for a feature view."""
    segment: str | None
    """The segment, `dimension=value`; None for all rows."""
    kind: Kind
    """The kind of rows."""
    start_ms: TimeMs
    """Event time at which the pane starts."""
    end_ms: TimeMs
    """Event time at which the pane ends, exclusive."""
    layout: str
    """The id of the layout that the counts are in."""
    rows: Count
    """Rows in the pane."""
    profile: bytes
    """The encoded `RowsCounts` or `LabelsCounts`."""

    def __post_init__(self) -> None:
        if self.start_ms >= self.end_ms:
            raise ValueError("a pane must end after its start")


class Watermark(Struct, frozen=True, tag="watermark"):
    """How far one ingest partition has come. It contains only what changed since its last message.

    A subject in `event_time_ms` is active there: no more panes that end at or before this time will come.
    A subject in `idle` has no rows there for now (the partition is read to its end, and no row came for a
    while): it holds no window open until `event_time_ms` names it again. A partition that has reported
    neither for a subject and kind is starting, behind or dead, and holds their windows open.
    """

    source: str
    """The partition, as `ingest/<partition>`."""
    now_ms: TimeMs
    """The sender's clock, which is the only clock that evaluate uses."""
    event_time_ms: dict[Kind, dict[str, Reached]]
    """For each kind and subject, the event time up to which panes are closed."""
    idle: dict[Kind, list[str]]
    """For each kind, the idle subjects."""


class PublisherClock(Struct, array_like=True):
    """How the event times of one publisher differ from the times at which its events were appended."""

    events: Count = 0
    """Events whose difference was measured. Of events without trouble, only a sample is."""
    late: Count = 0
    """Those that were late."""
    ahead: Count = 0
    """Those that were set aside because their time was too far ahead."""
    least_ms: int = 0
    """The smallest difference: event time minus append time, in ms. Negative: the event is older."""
    most_ms: int = 0
    """The largest difference, in ms."""

    def add(self, other: "PublisherClock") -> None:
        """Add the events of another span.

        Args:
            other: The same publisher's clock in the other span.
        """
        first = not self.events
        self.least_ms = other.least_ms if first else min(self.least_ms, other.least_ms)
        self.most_ms = other.most_ms if first else max(self.most_ms, other.most_ms)
        self.events += other.events
        self.late += other.late
        self.ahead += other.ahead


class KindAccount(Struct, array_like=True):
    """What became of a subject's events of one kind in a span of time."""

    accepted: Count = 0
    """Events that are in the statistics."""
    late: Count = 0
    """Events whose pane was closed already."""
    duplicate: Count = 0
    """Events that repeat an earlier one."""
    rejected: Count = 0
    """Events that were rejected, whatever the reason."""
    other: Count = 0
    """Events of another environment than the monitor's."""
    reasons: dict[Reason, Count] = {}
    """Rejected events by reason."""
    clocks: dict[str, PublisherClock] = {}
    """By `ce_source` (empty: none named), the difference of event and append time."""

    @property
    def published(self) -> int:
        """All events that were read, without repeats."""
        return self.accepted + self.late + self.rejected + self.other

    def add(self, other: "KindAccount") -> None:
        """Add the events of another span.

        Args:
            other: The account of the other span.
        """
        self.accepted += other.accepted
        self.late += other.late
        self.duplicate += other.duplicate
        self.rejected += other.rejected
        self.other += other.other
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        for name, clock in other.clocks.items():
            known = self.clocks.get(name)
            if known is None and len(self.clocks) >= PUBLISHERS_MAX:
                known = self.clocks.get(OTHER_PUBLISHERS)
                name = OTHER_PUBLISHERS
            if known is None:
                known = self.clocks[name] = PublisherClock()
            known.add(clock)


class SubjectAccount(Struct, frozen=True, tag="account"):
    """What became of a subject's events in one partition since the last such message.

    A partition sends it only while a subject has trouble: events that are late, rejected or of another
    environment; and for some time after that, so that the end of the trouble is known.
    """

    source: str
    """The partition, as `ingest/<partition>`."""
    now_ms: TimeMs
    """The sender's clock."""
    subject: str
    """The model or feature view."""
    kinds: dict[Kind, KindAccount]
    """The account of each kind of events."""
    samples: list[Annotated[str, Meta(max_length=400)]] = []
    """Some rejected events: their place and what is wrong."""


ToEvaluate = Pane | Watermark | SubjectAccount
"""The records of the topic `profiles`."""


class NumberCounts(Struct, array_like=True):
    """The counts of one numeric feature in a pane."""

    bins: list[Count]
    """Values in each bin."""
    wrong_type: Count
    """Values of another type."""
    out_of_range: Count
    """Values outside the declared range; they are in the bins too."""
    total: Sum
    """The sum of the values, in steps of the binning."""
    squares: Sum
    """The sum of the squared values, in squared steps of the binning."""
    lowest: float | None
    """The smallest value; None without values."""
    highest: float | None
    """The largest value; None without values."""


class CategoryCounts(Struct, array_like=True):
    """The counts of one category feature in a pane: known categories by position, unseen ones by name."""

    known: list[Count]
    """Values of each known category."""
    wrong_type: Count
    """Values of another type."""
    unseen: Count
    """Values of all unseen categories together."""
    kept: dict[str, Count]
    """Exact counts of those unseen categories that have the smallest hashes."""


class SpansCounts(Struct, array_like=True):
    """How the spans of time that a baseline consists of varied."""

    count: Count
    """Number of spans."""
    rows_min: Count
    """Minimum number of rows in one span."""
    rows_max: Count
    """The most rows in one span."""
    constant: dict[str, Count]
    """For each feature, the number of spans in which it had a single value."""
    worst: dict[str, list[float]]
    """The largest shares in one span: missing, of a wrong type, and out of range or unseen."""
    steps: dict[str, list[float]]
    """How much a span ordinarily differs from those just before it."""
    moved: dict[str, list[float]]
    """The largest excess PSI of one span over all together, and the extremes of its mean."""


class RowsCounts(Struct, array_like=True):
    """A `RowsProfile` on the wire. The layout gives the order of features."""

    rows: Count
    """Rows in the pane."""
    duplicates: Count
    """Events with an id that had come before."""
    late: Count
    """Rows that came after their pane had closed."""
    first_ms: TimeMs | None
    """Event time of the earliest row; None without rows."""
    last_ms: TimeMs | None
    """Event time of the latest row; None without rows."""
    numbers: list[NumberCounts]
    """The numeric features, then the model's output."""
    categories: list[CategoryCounts]
    """The category features."""
    latency: list[Count]
    """The histogram of serving latency: bucket, count, bucket, count, ..."""
    spans: SpansCounts | None = None
    """How spans varied; only in a baseline that consists of spans."""


class LabelsCounts(Struct, array_like=True):
    """A `LabelsProfile` on the wire. Histograms are bucket, count, bucket, count, ..."""

    labels: Count
    """Labels that were joined to their predictions."""
    orphans: Count
    """Always 0, because an orphan belongs to no version and window. It keeps its place on the wire."""
    late: Count
    """Labels that came after their pane had closed."""
    corrected: Count
    """Labels that replaced an earlier one."""
    unusable: Count
    """Labels with an unusable value, or of a prediction without output."""
    scored: Count
    """Labels whose prediction had a score or value."""
    sums: list[Sum]
    """Classification: log loss, squared error. Regression: error, absolute error, squared error."""
    confusion: list[Count]
    """True positives, false positives, false negatives, true negatives."""
    histograms: list[list[Count]]
    """The histograms of the scores of negatives and of positives."""
    calibration: list[list[Annotated[int, Meta(ge=0, le=2**62)]]]
    """Labels, positives, and the sum of scores in steps; each a list over the calibration bins."""
    errors: list[Count]
    """The histogram of the absolute errors of a regression."""
    lag: list[Count]
    """The histogram of the time from prediction to label."""
