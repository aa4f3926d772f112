"""The format of checkpoints and of records on internal topics: one number for both.

It increases when a worker of the previous version could misread the new format. A new field with a default
needs no new number: older workers ignore it. See docs/how-to/upgrade.md.
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
_DIGITS_MAX = 18
"""Maximum digits of a number in a header: such numbers fit into the 64-bit integers of checkpoints."""
_SOURCE_BYTES_MAX = 100
"""Maximum bytes of a source in a header. Chosen by hand: `stage/partition` is far shorter."""


class NewerFormat(Unrecoverable):
    """A record has a format that this program does not know."""


class ForeignHeaders(WatchkeeperError, ValueError):
    """The headers of a record were not written by a worker."""


class Origin(NamedTuple):
    """The source, sequence number and format from the headers of a record on an internal topic."""

    source: str | None
    """The sender, `stage/partition`, or None for a record without a sequence number."""
    sequence: int
    """The sequence number among the outputs of the source; 0 without a source."""
    format: int
    """The format of the record."""


def headers(source: str | None, sequence: int, written: int = NEWEST) -> list[tuple[str, bytes]]:
    """Return the headers of an output.

    Args:
        source: The sender, `stage/partition`; None: an output without a sequence number.
        sequence: The sequence number of the output.
        written: The format. Format 1 has no format header.

    >>> headers("ingest/0", 7)
    [('wk-source', b'ingest/0'), ('wk-sequence', b'7'), ('wk-format', b'2')]
    """
    version = [] if written == 1 else [(FORMAT_HEADER, str(written).encode())]
    if source is None:
        return version
    return [(SOURCE_HEADER, source.encode()), (SEQUENCE_HEADER, str(sequence).encode()), *version]


def origin(given: Iterable[tuple[str, bytes | None]]) -> Origin:
    """Parse the headers that `headers` returns.

    Raises:
        ForeignHeaders: `headers` did not write them.

    >>> origin(headers("ingest/0", 7)), origin([])
    (Origin(source='ingest/0', sequence=7, format=2), Origin(source=None, sequence=0, format=1))
    """
    found = {name: value or b"" for name, value in given}
    written = _number(found.get(FORMAT_HEADER, b"1"))
    if SOURCE_HEADER not in found:
        return Origin(None, 0, written)
    source = found[SOURCE_HEADER]
    if len(source) > _SOURCE_BYTES_MAX or not source.isascii():
        raise ForeignHeaders(f"{source[:50]!r} is not a source")
    return Origin(source.decode(), _number(found.get(SEQUENCE_HEADER, b"")), written)


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > _DIGITS_MAX:
        raise ForeignHeaders(f"{text[:50]!r} is not a number")
    return int(text)
