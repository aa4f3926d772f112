"""`watchkeeper apply`: put monitors, and the references that they name, in force."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.streams.cli.changes import AppliedChange, Wanted, When, plan
from watchkeeper.streams.cli.connection import reach_topics
from watchkeeper.streams.cli.current import read_configuration, send_configuration
from watchkeeper.streams.cli.effect import EffectiveFrom, tell_start, time_of
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_json
from watchkeeper.streams.config.changing import Start
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.reference_file import ReferenceFile

__all__ = ["apply"]


def apply(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Monitor files.")] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="SUBJECT", help="Stop watching a model or feature view."),
    ] = None,
    effective_from: EffectiveFrom = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Put monitor files in force.

    All files are checked, and their references built, before anything is sent. What is new takes effect from
    the beginning; a change takes effect at the next end of windows, so no window holds rows of both, and is
    given up for another that is applied before. Removal takes effect at once.

    \b
    Examples:
      watchkeeper apply monitors/flight-delay.yaml
      watchkeeper apply monitors/*.yaml --dry-run
      watchkeeper apply monitors/flight-delay.yaml --effective-from 2026-11-23T12:00Z
      watchkeeper apply --remove flight-delay
    """  # noqa: D301
    if not files and not remove:
        raise UserError("nothing to apply; name monitor files, or a subject with --remove")
    wanted = _read_all(files or [])
    for subject in set(remove or []) & {each.monitor.subject for each in wanted}:
        raise UserError(f"{subject}: is to be removed, and in a file; keep one of the two")
    settings = settings_of(broker, topic_prefix)
    reach_topics(settings, "monitors", "references")
    current = read_configuration(settings)
    when = When(time.time_ns() // 1_000_000, time_of(effective_from))
    changes, records = plan(wanted, remove or [], current, when)
    if not dry_run:
        send_configuration(settings, records)
    if as_json:
        print_json({"applied": not dry_run, "subjects": changes})
    else:
        _tell(changes, when, dry_run)


def _read_all(files: Sequence[Path]) -> list[Wanted]:
    """Read all files, and say all that is wrong with them at once."""
    wanted: dict[str, Wanted] = {}
    mistakes = []
    for file in files:
        try:
            found = _read(file)
            if found.monitor.subject in wanted:
                raise UserError(f"{file}: {found.monitor.subject} is in another file, too; keep one")
            wanted[found.monitor.subject] = found
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return list(wanted.values())


def _read(file: Path) -> Wanted:
    monitor = read_monitor(file)
    if monitor.reference is None or monitor.reference.file is None:
        return Wanted(monitor, None)
    source = ReferenceFile(file.parent / monitor.reference.file, monitor)
    for name in source.not_found:
        note(f"{source.path}: there is no column for the feature {name}; it has no reference")
    return Wanted(monitor, source.examples.reference(None, time.time_ns() // 1_000_000))


def _tell(changes: Sequence[AppliedChange], when: When, dry_run: bool) -> None:
    for change in changes:
        typer.echo(f"{change.subject}: monitor {change.monitor}, reference {change.reference}")
        for detail in change.changes:
            typer.echo(f"  {detail}")
        if change.takes_effect_at_ms is not None:
            tell_start(change.subject, Start(change.takes_effect_at_ms, tuple(change.cuts)), when)
        if change.reference.startswith("from the stream"):
            note(f"{change.subject}: once its events are there: watchkeeper reference build --from-stream")
    if dry_run:
        note("nothing was changed")
