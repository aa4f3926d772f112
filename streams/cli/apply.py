"""`watchkeeper apply`: put monitors and their references in force."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from watchkeeper.schemas.subjects import split, subject_of
from watchkeeper.streams.cli.changes import AppliedChange, DesiredState, EffectiveTime, plan
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
from watchkeeper.streams.cli.options import AsJson, Broker, TopicPrefix, settings_of
from watchkeeper.streams.cli.output import note, print_json
from watchkeeper.streams.config.changing import Start
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.monitor_file import read_monitor
from watchkeeper.streams.files.reference_file import ReferenceFile

__all__ = ["apply"]


def apply(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Monitor files to apply.")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(
            "--remove",
            metavar="NAME[@ENVIRONMENT]",
            help="Stop monitoring this model or feature view; the environment is production if none is named."
            "  Can be repeated.",
        ),
    ] = None,
    effective_from: EffectiveFrom = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the changes without applying them.")
    ] = False,
    wait: Wait = WAIT_SECONDS,
    as_json: AsJson = False,
    broker: Broker = None,
    topic_prefix: TopicPrefix = None,
) -> None:
    """Apply monitor files.

    The command checks all files and builds their references before it changes anything.

    A new monitor takes effect from the beginning of the stream. A change takes effect at the next window
    boundary, so no window mixes old and new rules. Applying again before then replaces the pending change.
    Removal takes effect immediately.

    The command returns when all workers that run have read the change, and says so. If one has not read it
    within --wait seconds, the command exits with code 1; the change is published all the same.

    \b
    Examples:
      watchkeeper apply monitors/flight-delay.yaml
      watchkeeper apply monitors/*.yaml --dry-run
      watchkeeper apply monitors/flight-delay.yaml --effective-from 2026-11-23T12:00Z
      watchkeeper apply --remove flight-delay
    """  # noqa: D301
    if not files and not remove:
        raise UserError("nothing to apply; give monitor files, or a subject with --remove")
    wanted = _read_all(files or [])
    removed = [subject_of(*split(each)) for each in remove or []]
    for subject in set(removed) & {each.monitor.subject for each in wanted}:
        raise UserError(f"{subject}: is both in a monitor file and in --remove; keep only one of them")
    settings = settings_of(broker, topic_prefix)
    reach_topics(settings, "monitors", "references")
    current = read_configuration(settings)
    when = EffectiveTime(time.time_ns() // 1_000_000, time_of(effective_from))
    changes, records = plan(wanted, removed, current, when)
    in_force = None if dry_run else put_in_force(settings, records, wait)
    if as_json:
        print_json({"applied": not dry_run, "subjects": changes, "in_force": in_force})
    else:
        _print_changes(changes, when, dry_run)
        print_in_force(in_force)
    if in_force is not None and in_force.is_late:
        raise typer.Exit(EXIT_NOT_IN_FORCE)


def _read_all(files: Sequence[Path]) -> list[DesiredState]:
    """Read all files, and report all their mistakes at once."""
    wanted: dict[str, DesiredState] = {}
    mistakes = []
    for file in files:
        try:
            found = _read(file)
            if found.monitor.subject in wanted:
                raise UserError(
                    f"{file}: {found.monitor.subject} is also declared in another file; keep only one"
                )
            wanted[found.monitor.subject] = found
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return list(wanted.values())


def _read(file: Path) -> DesiredState:
    monitor = read_monitor(file)
    if monitor.reference is None or monitor.reference.file is None:
        return DesiredState(monitor, None)
    source = ReferenceFile(file.parent / monitor.reference.file, monitor)
    for name in source.not_found:
        note(f"{source.path}: has no column for the feature {name}, so the feature has no reference")
    return DesiredState(monitor, source.examples.reference(None, time.time_ns() // 1_000_000))


def _print_changes(changes: Sequence[AppliedChange], when: EffectiveTime, dry_run: bool) -> None:
    for change in changes:
        typer.echo(f"{change.subject}: monitor {change.monitor}, reference {change.reference}")
        for detail in change.changes:
            typer.echo(f"  {detail}")
        if change.takes_effect_at_ms is not None:
            print_start(change.subject, Start(change.takes_effect_at_ms, tuple(change.cuts)), when)
        if change.reference.startswith("from the stream"):
            note(
                f"{change.subject}: when events have arrived, run: "
                "watchkeeper reference build MONITOR --from-stream"
            )
    if dry_run:
        note("nothing was changed")
