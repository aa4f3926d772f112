"""Runs one contestant in its own process on its own core, and reads its figures."""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.cores import CONTESTANT_CORE, pinned

_ROOT = Path(__file__).parent.parent
_TIMEOUT_SECONDS = 180
_TAIL_LINES = 20


class ContestantFailed(Exception):
    """A contestant ended without figures. The message holds the last lines of its standard error."""


class Figures(NamedTuple):
    """Work and time of one contestant in its measured span."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def events_per_second(self) -> float:
        """Events per second of wall-clock time."""
        return self.events / self.seconds

    def as_json(self) -> dict[str, float]:
        """Return the figures of the JSON report."""
        return {
            "events": self.events,
            "seconds": round(self.seconds, 4),
            "cpu_seconds": round(self.cpu_seconds, 4),
            "events_per_second": round(self.events_per_second),
            "events_per_cpu_second": round(self.events / self.cpu_seconds),
        }


def run_contestant(name: str, broker: str, topic_prefix: str, events: int) -> Figures:
    """Run `benchmarks.<name>` to its end over `<topic_prefix>predictions`."""
    command = [sys.executable, "-m", f"benchmarks.{name}", broker, topic_prefix, str(events)]
    pipe = subprocess.PIPE
    with pinned(CONTESTANT_CORE):
        process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=_ROOT)
    try:
        out, err = process.communicate(timeout=_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        err += f"\nit did not finish within {_TIMEOUT_SECONDS} seconds"
    return read_figures(name, out, err, process.returncode)


def read_figures(name: str, out: str, err: str, code: int) -> Figures:
    """Read the last line of a contestant's output.

    >>> read_figures("swift", '{"events": 10, "seconds": 0.5, "cpu_seconds": 0.4}', "", 0).events_per_second
    20.0

    Raises:
        ContestantFailed: The last line holds no figures.
    """
    try:
        return Figures(**json.loads(out.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        raise ContestantFailed(f"{name} ended with exit code {code} and no figures:\n{tail(err)}") from None


def tail(text: str) -> str:
    """Return the last lines of an output."""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
