"""The result of one check of `watchkeeper doctor`, and the words that the checks share."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

__all__ = ["Checkup", "Level", "ago", "moment", "named", "worst_first"]

Level = Literal["ok", "warn", "fail"]
"""Whether all is well, something may be wrong, or something is wrong."""
_ORDER: tuple[Level, ...] = ("fail", "warn", "ok")
_NAMED_MAX = 5
"""Most names that one line holds. Chosen by hand: more make the line hard to read."""
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


class Checkup(msgspec.Struct, frozen=True):
    """The result of one check."""

    level: Level
    what: str
    """What was looked at, what was found, and what to do."""


def worst_first(checkups: Iterable[Checkup]) -> list[Checkup]:
    """Return failures, then warnings, then the rest, each in the order of the checks."""
    return sorted(checkups, key=lambda checkup: _ORDER.index(checkup.level))


def ago(ms: int) -> str:
    """Return a duration in the largest unit that fits twice.

    >>> ago(3_000), ago(200_000), ago(7_200_000)
    ('3 s', '3 min', '2 h')
    """
    seconds = max(0, ms) / 1000
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def moment(ms: int) -> str:
    """Return a time as text.

    >>> moment(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are.

    >>> named(["a", "b"]), named(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
