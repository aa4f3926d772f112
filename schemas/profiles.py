"""What ingest tells evaluate: panes of rows, and how far event time has come, per subject.

Every subject has its own event time: a model replayed from last year or fed by a slow batch job neither holds
back nor overtakes the others. Both messages go to the partition of `profiles` that belongs to their subjects.
"""

from typing import Annotated

from msgspec import Meta, Struct

from watchkeeper.schemas.findings import Count, Kind, TimeMs
from watchkeeper.schemas.times import BEGINNING_MS, LATEST_MS

Sum = Annotated[bytes, Meta(max_length=64)]
"""A signed little-endian number: it may exceed 64 bits."""
Reached = Annotated[int, Meta(ge=BEGINNING_MS, le=LATEST_MS)]


class Pane(Struct, frozen=True, tag="pane"):
    """The merged profile of one subject's rows in one pane and one partition; sent once, when it closes."""

    subject: str
    version: str
    segment: str | None
    kind: Kind
    start_ms: TimeMs
    end_ms: TimeMs
    layout: str
    rows: Count
    profile: bytes

    def __post_init__(self) -> None:
        if self.start_ms >= self.end_ms:
            raise ValueError("a pane ends after its start")


class Watermark(Struct, frozen=True, tag="watermark"):
    """How far one ingest partition has come; incremental: only what changed since its last message.

    A subject in `event_time_ms` is active there: no more panes that end at or before this time will come.
    A subject in `idle` has no rows there for now (read to the end, nothing for a while): it holds nothing
    back until it is named in `event_time_ms` again. A source that has said neither about a subject and kind
    is unknown, and holds that subject and kind back: it is starting, behind or dead.
    """

    source: str
    """`ingest/<partition>`."""
    now_ms: TimeMs
    """The sender's clock: the only clock that evaluate sees."""
    event_time_ms: dict[Kind, dict[str, Reached]]
    idle: dict[Kind, list[str]]


ToEvaluate = Pane | Watermark


class NumberCounts(Struct, array_like=True):
    """The counts of one number in a pane."""

    bins: list[Count]
    wrong_type: Count
    out_of_range: Count
    total: Sum
    squares: Sum
    lowest: float | None
    highest: float | None


class CategoryCounts(Struct, array_like=True):
    """The counts of one category feature in a pane: the known ones by position, the unseen by name."""

    known: list[Count]
    wrong_type: Count
    unseen: Count
    kept: dict[str, Count]
    """Exact counts of the unseen categories with the smallest hashes."""


class SpansCounts(Struct, array_like=True):
    """How the spans of time varied that a past is made of."""

    count: Count
    rows_min: Count
    rows_max: Count
    constant: dict[str, Count]
    """In how many spans a feature had one value only."""
    worst: dict[str, list[float]]
    """The largest shares in one span of values missing, of a wrong type, and out of range or unseen."""
    steps: dict[str, list[float]]
    """How far a span ordinarily lies from those just before it."""
    moved: dict[str, list[float]]
    """The largest excess of PSI of one span over all together, and the extremes of its mean."""


class RowsCounts(Struct, array_like=True):
    """A `RowsProfile` on the wire; the layout gives the order of features."""

    rows: Count
    duplicates: Count
    late: Count
    first_ms: TimeMs | None
    last_ms: TimeMs | None
    numbers: list[NumberCounts]
    """The numeric features, then the model's output."""
    categories: list[CategoryCounts]
    latency: list[Count]
    """Bucket, count, bucket, count, ..."""
    spans: SpansCounts | None = None
    """Only in a past that was made of spans."""


class LabelsCounts(Struct, array_like=True):
    """A `LabelsProfile` on the wire; histograms are bucket, count, ..."""

    labels: Count
    orphans: Count
    """Always 0: an orphan belongs to no version and window. Its place on the wire stays."""
    late: Count
    corrected: Count
    unusable: Count
    scored: Count
    sums: list[Sum]
    confusion: list[Count]
    histograms: list[list[Count]]
    calibration: list[list[Annotated[int, Meta(ge=0, le=2**62)]]]
    errors: list[Count]
    lag: list[Count]
