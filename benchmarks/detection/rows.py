"""The rows of the report, in JSON and as a table."""

from collections.abc import Sequence

from msgspec import Struct
from rich.table import Table


class Row(Struct):
    """What was measured of one detector on one change; the keys of the report."""

    detector: str
    stream: str
    change: str
    """`none` for a stream that stays healthy."""
    arl_target: float | None
    """Null for a detector that takes no target: it runs with its default settings."""
    arl_measured: float
    """Healthy rows per alarm; without any alarm it is the number of rows, and it is more than that."""
    alarms: int
    """False ones, from which the ARL was measured."""
    delay_mean: float | None = None
    """Rows from the change to the alarm, misses counted as the limit of the stream."""
    miss_rate: float | None = None
    events: int = 0
    """Healthy rows from which the ARL was measured."""
    budget: float | None = None
    """Alarms that the target allows in so many rows."""
    delay_median: float | None = None
    repetitions: int = 0
    """Changes from which the delay was measured."""
    setting: str = ""
    """What calibration found."""
    seconds: float = 0.0
    """Of one core, for this stream, all its changes together."""


def table(rows: Sequence[Row]) -> Table:
    """Lay out the rows for reading."""
    out = Table(title="Rows to a false alarm, and from a change to its alarm")
    for name in ("detector", "stream", "change"):
        out.add_column(name, no_wrap=True)
    for name in ("ARL target", "ARL measured", "alarms", "budget", "delay", "missed"):
        out.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        measured = f"{'' if row.alarms else '>'}{row.arl_measured:,.0f}"
        out.add_row(
            row.detector, row.stream, row.change, _number(row.arl_target), measured, f"{row.alarms:,}",
            _number(row.budget), _number(row.delay_mean),
            "" if row.miss_rate is None else f"{row.miss_rate:.0%}",
        )  # fmt: skip
    return out


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
