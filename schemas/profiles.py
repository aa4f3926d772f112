"""What ingest tells evaluate: panes of rows, and how far event time has come, per subject.

Every subject has its own event time: a model replayed from last year or fed by a slow batch job neither holds
back nor overtakes the others. Both messages go to the partition of `profiles` that belongs to their subjects.
"""

from msgspec import Struct

from schemas.findings import Kind


class Pane(Struct, frozen=True, tag="pane"):
    """The merged profile of one subject's rows in one pane and one partition; sent once, when it closes."""

    subject: str
    version: str
    segment: str | None
    kind: Kind
    start_ms: int
    end_ms: int
    layout: str
    rows: int
    profile: bytes


class Watermark(Struct, frozen=True, tag="watermark"):
    """How far one ingest partition has come; incremental: only what changed since its last message.

    A subject in `event_time_ms` is active there: no more panes that end at or before this time will come.
    A subject in `idle` has no rows there for now (read to the end, nothing for a while): it holds nothing
    back until it is named in `event_time_ms` again. A source that has said neither about a subject and kind
    is unknown, and holds that subject and kind back: it is starting, behind or dead.
    """

    source: str
    """`ingest/<partition>`."""
    now_ms: int
    """The sender's clock: the only clock that evaluate sees."""
    event_time_ms: dict[Kind, dict[str, int]]
    idle: dict[Kind, list[str]]


ToEvaluate = Pane | Watermark


class NumberCounts(Struct, array_like=True):
    """The counts of one number in a pane. Sums are signed little-endian bytes: they may exceed 64 bits."""

    bins: list[int]
    wrong_type: int
    out_of_range: int
    total: bytes
    squares: bytes
    lowest: float | None
    highest: float | None


class CategoryCounts(Struct, array_like=True):
    """The counts of one category feature in a pane: the known ones by position, the unseen by name."""

    known: list[int]
    wrong_type: int
    unseen: int
    kept: dict[str, int]
    """Exact counts of the unseen categories with the smallest hashes."""


class SpansCounts(Struct, array_like=True):
    """How the spans of time varied that a past is made of."""

    count: int
    rows_min: int
    rows_max: int
    constant: dict[str, int]
    """In how many spans a feature had one value only."""
    worst: dict[str, list[float]]
    """The largest shares in one span of values missing, of a wrong type, and out of range or unseen."""
    steps: dict[str, list[float]]
    """How far a span ordinarily lies from those just before it."""
    moved: dict[str, list[float]]
    """The largest excess of PSI of one span over all together, and the extremes of its mean."""


class RowsCounts(Struct, array_like=True):
    """A `RowsProfile` on the wire; the layout gives the order of features."""

    rows: int
    duplicates: int
    late: int
    first_ms: int | None
    last_ms: int | None
    numbers: list[NumberCounts]
    """The numeric features, then the model's output."""
    categories: list[CategoryCounts]
    latency: list[int]
    """Bucket, count, bucket, count, ..."""
    spans: SpansCounts | None = None
    """Only in a past that was made of spans."""


class LabelsCounts(Struct, array_like=True):
    """A `LabelsProfile` on the wire. Sums are signed little-endian bytes, histograms bucket, count, ..."""

    labels: int
    orphans: int
    late: int
    corrected: int
    unusable: int
    scored: int
    sums: list[bytes]
    confusion: list[int]
    histograms: list[list[int]]
    calibration: list[list[int]]
    errors: list[int]
    lag: list[int]
