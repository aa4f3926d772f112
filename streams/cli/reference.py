"""`watchkeeper reference`: build what a subject is compared with."""

import time
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.cli.changes import When, reference_record
from watchkeeper.streams.cli.connection import reach_topics
from watchkeeper.streams.cli.current import read_configuration, send_configuration
from watchkeeper.streams.cli.effect import EffectiveFrom, tell_start, time_of
from watchkeeper.streams.cli.options import Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_table
from watchkeeper.streams.cli.writing import must_be_writable
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.examples import Examples
from watchkeeper.streams.files.history import first_examples
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.reference_file import ReferenceFile
from watchkeeper.streams.settings import Settings

app = typer.Typer(name="reference", help="Build what normal looks like for a subject.", no_args_is_help=True)


@app.callback()
def callback() -> None:
    """Build what normal looks like for a subject."""


MonitorPath = Annotated[Path, typer.Argument(metavar="MONITOR", help="The monitor file.")]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="Rows, or events, in Parquet, CSV or NDJSON."),
]
FromStream = Annotated[
    bool, typer.Option("--from-stream", help="Take the first events that are still on the topic.")
]
First = Annotated[
    int | None,
    typer.Option("--first", min=1, help="So many events.  [default: reference.first of the monitor]"),
]
Version = Annotated[
    str | None, typer.Option("--version", help="For one model version only.  [default: all others]")
]
Publish = Annotated[bool, typer.Option("--publish", help="Put it in force.")]
Output = Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write it to a file.")]


@app.command()
def build(
    monitor_file: MonitorPath,
    source: From = None,
    from_stream: FromStream = False,
    first: First = None,
    version: Version = None,
    publish: Publish = False,
    effective_from: EffectiveFrom = None,
    output: Output = None,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Build a reference, say what it holds, and publish it or write it to a file.

    Columns are known by the names of features and segments; `score` or `value` is what the model said,
    `label` the truth. A reference for what is watched already takes effect at the next end of windows.

    \b
    Examples:
      watchkeeper reference build monitors/flight-delay.yaml --from january.parquet
      watchkeeper reference build monitors/flight-delay.yaml --from january.csv --version 2 --publish
      watchkeeper reference build monitors/flight-delay.yaml --from-stream --first 20000 --publish
    """  # noqa: D301
    if (source is None) != from_stream:
        raise UserError("a reference needs exactly one of: --from FILE, --from-stream")
    must_be_writable(output)
    stated_ms = time_of(effective_from)
    monitor = read_monitor(monitor_file)
    settings = settings_of(broker, topic_prefix)
    if publish:
        reach_topics(settings, "monitors", "references")
    examples = _of_stream(settings, monitor, first) if source is None else _of_file(source, monitor)
    reference = examples.reference(version, time.time_ns() // 1_000_000)
    _tell(examples)
    _keep(reference, publish, output)
    if publish:
        _publish(settings, reference, When(time.time_ns() // 1_000_000, stated_ms))


def _of_file(path: Path, monitor: Monitor) -> Examples:
    source = ReferenceFile(path, monitor)
    if source.not_found:
        note(f"{path}: no column for these features: {', '.join(source.not_found)}")
    if source.unused:
        note(f"{path}: columns that are not used: {', '.join(source.unused)}")
    return source.examples


def _of_stream(settings: Settings, monitor: Monitor, first: int | None) -> Examples:
    count = first or (monitor.reference.first if monitor.reference else None)
    if count is None:
        raise UserError(
            "how many of the first events? say so with --first, or by reference.first in the monitor"
        )
    reach_topics(settings, "predictions", "labels", "features")
    examples = first_examples(settings, monitor, count)
    if examples.rows < count:
        raise UserError(
            f"{monitor.subject}: {examples.rows} events have come and {count} are wanted; wait for more, "
            "or ask for fewer with --first"
        )
    return examples


def _tell(examples: Examples) -> None:
    typer.echo(f"{examples.monitor.subject}: {examples.rows} rows")
    if examples.monitor.model is not None:
        typer.echo(f"with the model's output: {examples.scored}, with a label: {examples.labelled}")
    report = [row for row in examples.report() if row.missing or row.wrong_type]
    if report:
        print_table(["feature", "missing", "of a wrong type"], report)


def _keep(reference: Reference, publish: bool, output: Path | None) -> None:
    if output is not None:
        try:
            output.write_bytes(reference.encode())
        except OSError as error:
            raise UserError(f"{output}: can't be written: {error.strerror}") from None
        note(f"written to {output}")
    elif not publish:
        note("it was not kept; --publish puts it in force, --output FILE writes it to a file")


def _publish(settings: Settings, reference: Reference, when: When) -> None:
    record, start = reference_record(reference, read_configuration(settings), when)
    send_configuration(settings, [record])
    typer.echo(f"{record.key}: {'reference changed' if start else 'in force from the beginning'}")
    if start is not None:
        tell_start(record.key, start, when)
