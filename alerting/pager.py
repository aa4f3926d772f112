"""An alert as a page on the terminal: what broke, since when, how bad, what to do."""

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from watchkeeper.schemas.alerts import Alert

_COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
"""The colour of the frame, by severity."""
_WHERE = ("model", "feature_view", "model_version", "feature", "segment", "environment")
"""The labels that say where the fault is, in the order in which they are shown."""
_ROWS = (
    ("What", "description"),
    ("How bad", "evidence"),
    ("Do now", "action"),
    ("Runbook", "runbook_url"),
    ("Dashboard", "dashboard_url"),
)
"""The rows of a firing alert: title and annotation."""


def page(alert: Alert) -> RenderableType:
    """Return an alert as a panel for rich.

    Args:
        alert: The alert.
    """
    resolved = alert.status == "resolved"
    colour = "green" if resolved else _COLOURS[alert.labels["severity"]]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(alert):
        table.add_row(name, Text(value))
    who = Text(f"team {alert.labels['team']} · {alert.fingerprint}")
    return Panel(table, title=Text(heading(alert)), subtitle=who, border_style=colour, title_align="left")


def heading(alert: Alert) -> str:
    """Return the heading of an alert. A page wakes somebody, and a ticket waits until morning.

    Args:
        alert: The alert.
    """
    severity = alert.labels["severity"]
    word = "PAGE" if alert.pages else "TICKET" if severity == "warning" else "NOTE"
    state = "RESOLVED" if alert.status == "resolved" else word
    return f"{state}  {alert.labels['alertname']}  {severity}"


def line(alert: Alert) -> str:
    """Return an alert as one line of JSON, for programs that read the terminal.

    Args:
        alert: The alert.
    """
    return alert.model_dump_json()


def show(console: Console, alert: Alert, as_json: bool = False) -> None:
    """Print an alert.

    Args:
        console: Where to print.
        alert: The alert.
        as_json: Whether to print one line of JSON instead of a panel.
    """
    if as_json:
        console.print(line(alert), soft_wrap=True, markup=False, highlight=False)
    else:
        console.print(page(alert))


def _rows(alert: Alert) -> list[tuple[str, str]]:
    where = ", ".join(f"{name} {alert.labels[name]}" for name in _WHERE if name in alert.labels)
    rows = [("Alert", alert.annotations["summary"]), ("Where", where), ("Since", _since(alert))]
    if alert.status == "resolved":
        return [*rows, ("Was", alert.annotations["description"]), ("Why", alert.annotations["resolution"])]
    return rows + [(title, alert.annotations[name]) for title, name in _ROWS if name in alert.annotations]


def _since(alert: Alert) -> str:
    since = f"{alert.started_at:%Y-%m-%d %H:%M} UTC (event time)"
    return f"{since}, until {alert.ended_at:%Y-%m-%d %H:%M} UTC" if alert.ended_at else since
