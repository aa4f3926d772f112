"""The format of what workers write for workers: one number, for checkpoints and records on internal topics.

It rises when a worker of the version before could misread the new format. New fields with a default need no
new number: the old worker ignores them. See docs/how-to/upgrade.md.
"""

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.streams.errors import Unrecoverable, WatchkeeperError

NEWEST = 2
"""The format that this program writes by default, and the highest that it reads."""
OLDEST = 1
"""The lowest format that this program reads and can write."""

FORMAT_HEADER = "wk-format"
SOURCE_HEADER = "wk-source"
SEQUENCE_HEADER = "wk-sequence"
_DIGITS_MAX = 18  # what fits into 64 bits: a snapshot holds sequence numbers
_SOURCE_BYTES_MAX = 100


class NewerFormat(Unrecoverable):
    """A record has a format that this program does not know, and must not guess."""


class ForeignHeaders(WatchkeeperError, ValueError):
    """The headers of a record are not those that workers write."""


class Origin(NamedTuple):
    """What the headers of a record on an internal topic say."""

    source: str | None
    """`stage/partition`, or None for a record without a number."""
    sequence: int
    format: int


def headers(source: str | None, sequence: int, written: int = NEWEST) -> list[tuple[str, bytes]]:
    """Return an output's headers. Without a source there is no number; format 1 has no header of its own.

    >>> headers("ingest/0", 7)
    [('wk-source', b'ingest/0'), ('wk-sequence', b'7'), ('wk-format', b'2')]
    """
    said = [] if written == 1 else [(FORMAT_HEADER, str(written).encode())]
    if source is None:
        return said
    return [(SOURCE_HEADER, source.encode()), (SEQUENCE_HEADER, str(sequence).encode()), *said]


def origin(given: Iterable[tuple[str, bytes | None]]) -> Origin:
    """Read headers that `headers` wrote; ForeignHeaders if it did not.

    >>> origin(headers("ingest/0", 7)), origin([])
    (Origin(source='ingest/0', sequence=7, format=2), Origin(source=None, sequence=0, format=1))
    """
    found = {name: value or b"" for name, value in given}
    written = _number(found.get(FORMAT_HEADER, b"1"))
    if SOURCE_HEADER not in found:
        return Origin(None, 0, written)
    source = found[SOURCE_HEADER]
    if len(source) > _SOURCE_BYTES_MAX or not source.isascii():
        raise ForeignHeaders(f"{source[:50]!r} is no source")
    return Origin(source.decode(), _number(found.get(SEQUENCE_HEADER, b"")), written)


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > _DIGITS_MAX:
        raise ForeignHeaders(f"{text[:50]!r} is no number")
    return int(text)
