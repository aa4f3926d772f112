"""What is seen while the demo runs: a moving line on a terminal, plain lines elsewhere, and the pages."""

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from watchkeeper.demo.follow import Followed
from watchkeeper.schemas.alerts import Alert

__all__ = ["Live"]

_STYLES = {"firing": "bold red", "resolved": "green"}


class Live:
    """Shows how far the demo is. Pages are printed above the moving line, and stay."""

    def __init__(self, console: Console, start_ms: int, end_ms: int) -> None:
        self._console = console
        self._start_ms = start_ms
        self._read = 0
        self._told: set[tuple[str, datetime, str]] = set()
        self._month = ""
        self._progress = Progress(
            TextColumn("{task.fields[day]}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[rate]:,.0f} events/s · {task.fields[windows]} windows"),
            TextColumn("· {task.fields[open]} open alerts"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=end_ms - start_ms, day="", rate=0.0, windows=0, open=0)

    def __enter__(self) -> "Live":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print a line that stays."""
        self._progress.console.print(Text(text, style=style))

    def show(self, event_ms: int, rate: float, heard: Followed) -> None:
        """Bring what is seen up to date."""
        for alert in heard.alerts[self._read :]:
            self._tell(alert)
        self._read = len(heard.alerts)
        day = f"{datetime.fromtimestamp(event_ms / 1000, UTC):%Y-%m-%d}"
        windows, open_alerts = len(heard.windows), len(heard.open_incidents())
        self._progress.update(
            self._task,
            completed=event_ms - self._start_ms,
            day=day,
            rate=rate,
            windows=windows,
            open=open_alerts,
        )
        if not self._console.is_terminal and day[:7] != self._month:
            self._month = day[:7]
            self.say(f"{day}  {rate:,.0f} events/s · {windows} windows · {open_alerts} open alerts")

    def _tell(self, alert: Alert) -> None:
        """Print a page when it fires and when it is over; not each time its numbers change."""
        key = alert.fingerprint, alert.started_at, alert.status
        if alert.pages and key not in self._told:
            self._told.add(key)
            self.say(line(alert), _STYLES[alert.status])


def line(alert: Alert) -> str:
    """Tell of a page in one line."""
    word = "PAGE" if alert.status == "firing" else "over"
    text = alert.annotations["summary"] if alert.status == "resolved" else alert.annotations["description"]
    return f"{alert.updated_at:%Y-%m-%d}  {word} {alert.labels['alertname']}: {text}"
