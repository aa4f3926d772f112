"""The numbers of one closed window, for `/metrics`, Grafana and anyone who reads the topic."""

from msgspec import Struct

from watchkeeper.schemas.findings import Kind


class Statistic(Struct, frozen=True, omit_defaults=True):
    """One number. `lower` and `upper` bound it where an interval is known."""

    name: str
    """A name listed in `docs/reference/statistics.md`, unit last: `missing_ratio`, `psi`, `auroc`."""
    value: float
    feature: str | None = None
    lower: float | None = None
    upper: float | None = None


class WindowStatistics(Struct, frozen=True):
    """The statistics of one subject, version and segment over one window of event time."""

    subject: str
    version: str
    segment: str | None
    kind: Kind
    window_start_ms: int
    window_end_ms: int
    rows: int
    statistics: list[Statistic]
    monitor_revision: int = 0
    """Of the monitor that was in force for the whole window."""
