"""Runs commands as a user does, and writes files for them."""

import csv
from pathlib import Path

from typer.testing import CliRunner, Result

from watchkeeper.streams.cli import app

MONITOR = """\
model: flight-delay
owner: {team: ops-ml}
task: binary-classification
features:
  dep_hour: {type: integer, range: [0, 23]}
  carrier: {type: category}
  distance: {type: number}
  holiday: {type: boolean}
segments: [origin]
labels: {expected_within: PT12H}
"""
COLUMNS = (
    "prediction_id", "event_time", "dep_hour", "carrier", "distance", "holiday",
    "origin", "score", "label", "label_time", "note",
)  # fmt: skip


def run(*arguments: object, **environment: str) -> Result:
    """Run a command and check that it prints no traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def rows(count: int = 300) -> list[dict[str, str]]:
    """Flights of one day; every third has no distance, every fourth no label yet."""
    return [
        {
            "prediction_id": f"p{i}",
            "event_time": f"2026-01-01T{i % 24:02d}:{i % 60:02d}:{i // 120:02d}Z",
            "dep_hour": str(i % 24),
            "carrier": ["UA", "AA", "NA"][i % 3],
            "distance": "NA" if i % 3 == 0 else ["200", "1400.5"][i % 2],
            "holiday": ["true", "false"][i // 5 % 2],
            "origin": ["EWR", "JFK"][i // 7 % 2],
            "score": f"{(i * 37 % 1000) / 1000:.3f}",
            "label": "" if i % 4 == 0 else str(i * 31 % 5 % 2),
            "label_time": "2026-01-02T00:00:00Z",
            "note": "x",
        }
        for i in range(count)
    ]


def write_csv(path: Path, table: list[dict[str, str]]) -> Path:
    """Write a table with its header."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    return path


def write_monitor(folder: Path, more: str = "", name: str = "flight.yaml") -> Path:
    """Write the monitor of flights, with more lines after it."""
    path = folder / name
    path.write_text(MONITOR + more)
    return path
