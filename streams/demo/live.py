"""What is seen while the demo runs: a moving line on a terminal, plain lines elsewhere, and pages as they come."""

from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from schemas.alerts import Alert
from streams.demo.follow import Heard

__all__ = ["Live"]

_COLOURS = {"firing": "bold red", "resolved": "green"}


class Live:
    """Shows how far the demo is. Pages are printed above the moving line, and stay."""

    def __init__(self, console: Console, start_ms: int, end_ms: int) -> None:
        self._console = console
        self._start_ms = start_ms
        self._told = 0
        self._month = ""
        self._progress = Progress(
            TextColumn("{task.fields[day]}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[rate]:,.0f} events/s · {task.fields[windows]} windows"),
            TextColumn("· {task.fields[open]} open"),
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

    def show(self, now_ms: int, rate: float, heard: Heard) -> None:
        """Bring what is seen up to date."""
        for alert in heard.alerts[self._told :]:
            self._tell(alert)
        self._told = len(heard.alerts)
        day = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y-%m-%d}"
        fields = {"rate": rate, "windows": len(heard.windows), "open": len(heard.open_incidents())}
        self._progress.update(self._task, completed=now_ms - self._start_ms, day=day, **fields)
        if not self._console.is_terminal and day[:7] != self._month:
            self._month = day[:7]
            self.say("{} · {rate:,.0f} events/s · {windows} windows · {open} open".format(day, **fields))

    def _tell(self, alert: Alert) -> None:
        again = alert.status == "firing" and alert.evidence and self._was_told(alert)
        if alert.pages and not again:
            self.say(_line(alert), _COLOURS[alert.status])
