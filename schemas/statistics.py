"""The statistics of one closed window, for `/metrics`, Grafana and other readers of the topic."""

from msgspec import Struct

from watchkeeper.schemas.findings import Kind


class Statistic(Struct, frozen=True, omit_defaults=True):
    """One statistic."""

    name: str
    """A name in `docs/reference/statistics.md`, with its unit last: `missing_ratio`, `psi`, `auroc`."""
    value: float
    """The number."""
    feature: str | None = None
    """The feature; None for all rows or the model's output."""
    lower: float | None = None
    """The lower bound of its interval, if known."""
    upper: float | None = None
    """The upper bound of its interval, if known."""


class WindowStatistics(Struct, frozen=True):
    """The statistics of one subject, version and segment over one window of event time."""

    subject: str
    """The model or feature view."""
    version: str
    """The version of the model; empty for a feature view."""
    segment: str | None
    """The segment, `dimension=value`; None for all rows."""
    kind: Kind
    """The kind of window."""
    window_start_ms: int
    """Event time at which the window starts, in ms since 1970."""
    window_end_ms: int
    """Event time at which the window ends, exclusive, in ms since 1970."""
    rows: int
    """Rows (or labels) in the window."""
    statistics: list[Statistic]
    """The statistics."""
    monitor_revision: int = 0
    """The revision of the monitor that was in force for the whole window."""
