"""The rows of the report, in JSON and as a table."""

from collections.abc import Sequence

from msgspec import Struct
from rich.table import Table


class Row(Struct):
    """Figures of one detector on one change. The fields are the keys of the report."""

    detector: str
    stream: str
    change: str
    """`none` for a stream that stays healthy."""
    arl_target: float | None
    """Rows per false alarm that were requested; null for a detector with fixed settings."""
    arl_measured: float
    """Healthy rows per alarm. Without any alarm, the number of rows, which is then a lower bound."""
    alarms: int
    """False alarms from which the ARL was measured."""
    delay_mean: float | None = None
    """Rows from the change to the alarm. A miss counts as the limit of the stream."""
    miss_rate: float | None = None
    events: int = 0
    """Healthy rows from which the ARL was measured."""
    budget: float | None = None
    """False alarms that the target allows in `events` rows."""
    delay_median: float | None = None
    repetitions: int = 0
    """Repetitions of the change from which the delay was measured."""
    setting: str = ""
    """The setting that calibration found."""
    seconds: float = 0.0
    """Processor time for this stream and all its changes."""


def table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table for the terminal."""
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
