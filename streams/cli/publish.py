"""`watchkeeper publish`: publish the rows of a file as events."""

import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor, WindowsSection
from watchkeeper.streams.cli.connection import reach, reach_topics
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.cli.options import Broker, MonitorFile, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, progress
from watchkeeper.streams.cli.sender import Sender
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.publishing import BadRow, Disorder, Outgoing, PublishingPace, outgoing
from watchkeeper.streams.files.rows import RowMapping
from watchkeeper.streams.files.tables import row_count
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["publish"]

_SHOWN = 10
"""Bad rows, columns or subjects that are listed at most. Chosen by hand: more hide the message after them."""
_SUBJECTS_MAX = 1000
"""Subjects that are checked for a monitor at most. Chosen by hand: it bounds the memory."""


File = Annotated[Path, typer.Argument(metavar="FILE", help="Parquet, CSV or NDJSON file.")]
Topic = Annotated[Kind, typer.Option("--topic", help="Topic to publish to.")]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Model or feature view of rows that name none."),
]
Speed = Annotated[
    float | None,
    typer.Option(
        "--speed",
        metavar="X",
        help="Publish X seconds of event time per second.  [default: as fast as possible]",
    ),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Skip bad rows.  By default, one bad row prevents publishing.")
]


def publish(
    file: File,
    topic: Topic,
    monitor_file: MonitorFile = None,
    model: Model = None,
    speed: Speed = None,
    skip_bad: SkipBad = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Publish the rows of a file as events.

    NDJSON lines that are events are published unchanged. Columns have the names of the fields of an event:
    prediction_id, event_time, features.distance, score, segments.origin. With --monitor, columns of features
    and segments can also have their bare names. With --topic labels, rows without a label are skipped.

    \b
    Examples:
      watchkeeper publish events.ndjson --topic predictions
      watchkeeper publish flights.parquet --topic predictions --monitor flight-delay.yaml --speed 3600
      watchkeeper publish flights.parquet --topic labels --model flight-delay
    """  # noqa: D301
    monitor = _monitor(topic, monitor_file)
    mapping = RowMapping(topic, monitor, model)
    pace = _pace(speed)
    rows = row_count(file)
    if not skip_bad:
        rows = _check(file, topic, mapping)
    settings = settings_of(broker, topic_prefix)
    reach_topics(settings, topic)
    sender = Sender(settings, topic, pace)
    lateness = (monitor.windows if monitor else WindowsSection()).lateness
    disorder = Disorder(milliseconds(lateness))
    subjects: set[str] = set()
    bad = _send(file, _collecting(outgoing(file, topic, mapping), subjects), rows, sender, disorder)
    note(f"{sender.delivered} published" + (f", {bad} bad rows skipped" if bad else ""))
    if disorder.events:
        note(_disordered(file, disorder.events, lateness))
    if topic != "labels" and mapping.passed_over:
        note(_unused_columns(file, mapping.passed_over, monitor))
    for name in _unwatched(settings, subjects):
        note(
            f"{name}: has no monitor, so workers reject its events; run: watchkeeper apply, then: "
            f"watchkeeper rejected replay --model {shlex.quote(name)}"
        )


def _collecting(rows: Iterator[Outgoing | BadRow], subjects: set[str]) -> Iterator[Outgoing | BadRow]:
    """Pass the rows through and collect the models and feature views that they name."""
    for row in rows:
        if isinstance(row, Outgoing) and row.subject is not None and len(subjects) < _SUBJECTS_MAX:
            subjects.add(row.subject)
        yield row


def _unused_columns(file: Path, columns: list[str], monitor: Monitor | None) -> str:
    named = ", ".join(columns[:_SHOWN]) + (f" and {len(columns) - _SHOWN} more" if columns[_SHOWN:] else "")
    if monitor is None:
        return (
            f"{file}: these columns were not published: {named}; to publish features, pass --monitor or "
            "name the columns features.NAME"
        )
    return f"{file}: the monitor of {monitor.subject} does not declare these columns: {named}"


def _unwatched(settings: Settings, subjects: set[str]) -> list[str]:
    """Return the models and feature views without a monitor."""
    there = reach(settings).topics
    if not subjects or any(topic_name(settings, name) not in there for name in ("monitors", "references")):
        return []
    return sorted(subjects.difference(read_configuration(settings).subjects()))[:_SHOWN]


def _disordered(file: Path, rows: int, lateness: timedelta) -> str:
    return (
        f"{file}: {rows} rows are more than {lateness} older than a row before them, so workers count them "
        "as late; sort the file by event time"
    )


def _monitor(topic: Kind, monitor_file: Path | None) -> Monitor | None:
    monitor = read_monitor(monitor_file) if monitor_file else None
    if monitor is not None and (monitor.feature_view is not None) != (topic == "features"):
        raise UserError(
            f"{monitor_file}: declares {monitor.subject}, whose events do not belong on the topic {topic}"
        )
    return monitor


def _pace(speed: float | None) -> PublishingPace | None:
    if speed is not None and speed <= 0:
        raise UserError(f"--speed must be more than 0, not {speed:g}")
    return PublishingPace(speed) if speed else None


def _send(
    file: Path, rows: Iterator[Outgoing | BadRow], total: int | None, sender: Sender, disorder: Disorder
) -> int:
    """Send the rows and return the number of bad ones."""
    bad = 0
    with progress() as bar:
        for row in bar.track(rows, total=total, description=file.name):
            if isinstance(row, BadRow):
                bad += 1
                if bad <= _SHOWN:
                    bar.console.print(f"{file}:{row.line}: {row.why}", markup=False, soft_wrap=True)
            else:
                sender.send(row)
                disorder.see(row.time_ms)
        sender.finish()
    return bad


def _check(file: Path, topic: Kind, mapping: RowMapping) -> int:
    """Check every row before the first is sent, and return their number."""
    rows = 0
    bad = 0
    lines = []
    for row in outgoing(file, topic, mapping):
        rows += 1
        if isinstance(row, BadRow):
            bad += 1
            lines += [f"{file}:{row.line}: {row.why}"] if bad <= _SHOWN else []
    if bad:
        more = f"{bad} of {rows} rows are bad, so nothing was published; fix them, or pass --skip-bad"
        raise UserError("\n".join([*lines, more]))
    if not rows:
        raise UserError(f"{file}: has nothing to publish to {topic}")
    return rows
