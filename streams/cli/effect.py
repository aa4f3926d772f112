"""When a change takes effect: the option that states it, and how it is told."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from watchkeeper.schemas.durations import milliseconds
from watchkeeper.streams.cli.changes import When
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.config.changing import MARGIN_MS, Start, says
from watchkeeper.streams.errors import UserError

__all__ = ["EffectiveFrom", "tell_start", "time_of"]

EffectiveFrom = Annotated[
    str | None,
    typer.Option(
        "--effective-from",
        metavar="TIME",
        help="When a change takes effect, in event time; UTC unless it says otherwise."
        "  [default: the next end of windows, 10 s off]",
    ),
]


def time_of(given: str | None) -> int | None:
    """Read the option, in milliseconds since 1970."""
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise UserError(f"--effective-from should be a time like 2026-11-23T12:00Z, not {given!r}") from None
    since_1970 = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    if since_1970 < timedelta(0):
        raise UserError(f"--effective-from is {given}, before 1970; no event is so old")
    return milliseconds(since_1970)


def tell_start(subject: str, start: Start, when: When) -> None:
    """Say when a change takes effect, and what comes of that."""
    typer.echo(f"  takes effect for windows from {says(start.at_ms)} on")
    if start.cuts:
        note(f"{subject}: {' and '.join(start.cuts)} has no end there: the window is cut in two")
    if start.at_ms < when.now_ms + MARGIN_MS:
        note(f"{subject}: that is not 10 s off: what was counted before workers hear of it, stays as it is")
