"""Shows the demo's progress: one moving line on a terminal, otherwise one line a month, and the pages."""

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from watchkeeper.demo.follow import Followed
from watchkeeper.schemas.alerts import Alert

__all__ = ["ProgressDisplay"]

_STYLES = {"firing": "bold red", "resolved": "green"}


class ProgressDisplay:
    """Shows the progress of the demo. Pages are printed above the moving line and stay there.

    Args:
        console: Where to print.
        start_ms: Event time of the first event, in milliseconds since 1970.
        end_ms: Event time at which the demo ends, in milliseconds since 1970.
    """

    def __init__(self, console: Console, start_ms: int, end_ms: int) -> None:
        self._console = console
        self._start_ms = start_ms
        self._read = 0
        self._printed: set[tuple[str, datetime, str]] = set()
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

    def __enter__(self) -> "ProgressDisplay":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print a line that stays."""
        self._progress.console.print(Text(text, style=style))

    def show(self, event_ms: int, rate: float, followed: Followed) -> None:
        """Update the display.

        Args:
            event_ms: Event time up to which events are published, in milliseconds since 1970.
            rate: Events published per second.
            followed: The outputs of the workers so far.
        """
        for alert in followed.alerts[self._read :]:
            self._print_page(alert)
        self._read = len(followed.alerts)
        day = f"{datetime.fromtimestamp(event_ms / 1000, UTC):%Y-%m-%d}"
        windows, open_alerts = len(followed.windows), len(followed.open_incidents())
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

    def _print_page(self, alert: Alert) -> None:
        """Print a page when it fires and when it is resolved, not each time its numbers change."""
        key = alert.fingerprint, alert.started_at, alert.status
        if alert.pages and key not in self._printed:
            self._printed.add(key)
            self.say(line(alert), _STYLES[alert.status])


def line(alert: Alert) -> str:
    """Describe a page in one line."""
    word = "PAGE" if alert.status == "firing" else "RESOLVED"
    text = alert.annotations["summary"] if alert.status == "resolved" else alert.annotations["description"]
    return f"{alert.updated_at:%Y-%m-%d}  {word} {alert.labels['alertname']}: {text}"
