"""When a change takes effect: the option that states the time, and the printed notice."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.streams.cli.changes import EffectiveTime
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.config.changing import MARGIN_MS, Start, format_time
from watchkeeper.streams.errors import UserError

__all__ = ["EffectiveFrom", "print_start", "time_of"]

EffectiveFrom = Annotated[
    str | None,
    typer.Option(
        "--effective-from",
        metavar="TIME",
        help="Event time at which a change takes effect; UTC if it has no offset."
        "  [default: the first window boundary at least 10 s from now]",
    ),
]


def time_of(given: str | None) -> int | None:
    """Parse the option into milliseconds since 1970."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise UserError(f"--effective-from must be a time like 2026-11-23T12:00Z, not {given!r}") from None
    since_1970 = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    if since_1970 < timedelta(0):
        raise UserError(f"--effective-from is {given}; it must be in 1970 or later")
    return milliseconds(since_1970)


def print_start(subject: str, start: Start, when: EffectiveTime) -> None:
    """Print when a change takes effect, and what that implies."""
    typer.echo(f"  takes effect for windows that start at {format_time(start.at_ms)} or later")
    if start.cuts:
        note(
            f"{subject}: {' and '.join(start.cuts)} has no window boundary there; the window is split in two"
        )
    if start.at_ms < when.now_ms + MARGIN_MS:
        note(
            f"{subject}: that is less than 10 s from now; events that workers count before they read the "
            "change keep the old rules"
        )
