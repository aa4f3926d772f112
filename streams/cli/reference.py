"""`watchkeeper reference`: build the reference that a subject is compared with."""

import time
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.cli.changes import EffectiveTime, reference_record
from watchkeeper.streams.cli.connection import reach_topics
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.cli.effect import EffectiveFrom, print_start, time_of
from watchkeeper.streams.cli.in_force import (
    EXIT_NOT_IN_FORCE,
    WAIT_SECONDS,
    Wait,
    print_in_force,
    put_in_force,
)
from watchkeeper.streams.cli.options import Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_table
from watchkeeper.streams.cli.writing import must_be_writable
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.examples import Examples
from watchkeeper.streams.files.history import first_examples
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.reference_file import ReferenceFile
from watchkeeper.streams.settings import Settings

app = typer.Typer(
    name="reference", help="Build the reference that a subject is compared with.", no_args_is_help=True
)


@app.callback()
def callback() -> None:
    """Build the reference that a subject is compared with."""


MonitorPath = Annotated[Path, typer.Argument(metavar="MONITOR", help="Monitor file.")]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="Rows or events, as Parquet, CSV or NDJSON."),
]
FromStream = Annotated[
    bool, typer.Option("--from-stream", help="Use the first events that the topic still has.")
]
First = Annotated[
    int | None,
    typer.Option(
        "--first", min=1, help="Number of events to use.  [default: reference.first of the monitor]"
    ),
]
Version = Annotated[
    str | None,
    typer.Option(
        "--version", help="Build it for this model version.  [default: all versions without their own]"
    ),
]
Publish = Annotated[bool, typer.Option("--publish", help="Put the reference in force.")]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write the reference to this file.")
]


@app.command()
def build(
    monitor_file: MonitorPath,
    source: From = None,
    from_stream: FromStream = False,
    first: First = None,
    version: Version = None,
    publish: Publish = False,
    effective_from: EffectiveFrom = None,
    wait: Wait = WAIT_SECONDS,
    output: Output = None,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Build a reference from historical data or the stream.

    The command prints a summary of the reference. It then publishes the reference with --publish, or writes
    it to a file with --output.

    Columns have the names of features and segments. The column `score` or `value` holds the model's output,
    and `label` the true outcome. A reference of a monitored subject takes effect at the next window boundary.

    \b
    Examples:
      watchkeeper reference build monitors/flight-delay.yaml --from january.parquet
      watchkeeper reference build monitors/flight-delay.yaml --from january.csv --version 2 --publish
      watchkeeper reference build monitors/flight-delay.yaml --from-stream --first 20000 --publish
    """  # noqa: D301
    if (source is None) != from_stream:
        raise UserError("a reference requires exactly one of: --from FILE, --from-stream")
    must_be_writable(output)
    stated_ms = time_of(effective_from)
    monitor = read_monitor(monitor_file)
    settings = settings_of(broker, topic_prefix)
    if publish:
        reach_topics(settings, "monitors", "references")
    examples = _from_stream(settings, monitor, first) if source is None else _from_file(source, monitor)
    reference = examples.reference(version, time.time_ns() // 1_000_000)
    _print_summary(examples)
    _write(reference, publish, output)
    if publish:
        _publish(settings, reference, EffectiveTime(time.time_ns() // 1_000_000, stated_ms), wait)


def _from_file(path: Path, monitor: Monitor) -> Examples:
    source = ReferenceFile(path, monitor)
    if source.not_found:
        note(f"{path}: has no columns for these features: {', '.join(source.not_found)}")
    if source.unused:
        note(f"{path}: these columns are not used: {', '.join(source.unused)}")
    return source.examples


def _from_stream(settings: Settings, monitor: Monitor, first: int | None) -> Examples:
    count = first or (monitor.reference.first if monitor.reference else None)
    if count is None:
        raise UserError(
            "the number of events is missing; pass --first, or set reference.first in the monitor"
        )
    reach_topics(settings, "predictions", "labels", "features")
    examples = first_examples(settings, monitor, count)
    if examples.rows < count:
        raise UserError(
            f"{monitor.subject}: {examples.rows} events have arrived, but {count} are required; "
            "wait for more, or pass a smaller --first"
        )
    return examples


def _print_summary(examples: Examples) -> None:
    typer.echo(f"{examples.monitor.subject}: {examples.rows} rows")
    if examples.monitor.model is not None:
        typer.echo(f"with the model's output: {examples.scored}, with a label: {examples.labelled}")
    report = [row for row in examples.report() if row.missing or row.wrong_type]
    if report:
        print_table(["feature", "missing", "wrong type"], report)


def _write(reference: Reference, publish: bool, output: Path | None) -> None:
    if output is not None:
        try:
            output.write_bytes(reference.encode())
        except OSError as error:
            raise UserError(f"{output}: can't be written: {error.strerror}") from None
        note(f"written to {output}")
    elif not publish:
        note("the reference was not saved; pass --publish to put it in force, or --output to write a file")


def _publish(settings: Settings, reference: Reference, when: EffectiveTime, wait_seconds: float) -> None:
    record, start = reference_record(reference, read_configuration(settings), when)
    in_force = put_in_force(settings, [record], wait_seconds)
    typer.echo(f"{record.key}: {'reference changed' if start else 'in force from the beginning'}")
    if start is not None:
        print_start(record.key, start, when)
    print_in_force(in_force)
    if in_force is not None and in_force.is_late:
        raise typer.Exit(EXIT_NOT_IN_FORCE)
