"""Counts a replayed event once, even if it was published several times.

`watchkeeper rejected replay` publishes an event before it records that. If it is killed in between, it
publishes the event again. A header names the event that a replay repeats; only its first replay counts.
"""

from collections.abc import Sequence

from msgspec import Struct

from watchkeeper.schemas.rejections import REPLAY_HEADER
from watchkeeper.streams.fold.protocol import Record

REMEMBERED = 10_000
"""Number of replays that each topic and partition remembers. Chosen by hand; see docs/adr/0008-replay.md."""


class Replays(Struct):
    """The newest replays of one topic and partition that count, at most `REMEMBERED`.

    >>> replays = Replays()
    >>> again = Record(9, 0, None, b"", [(REPLAY_HEADER, b"labels/0/4")])
    >>> replays.fresh("labels/0/", [again, again._replace(offset=10)]) == [again]
    True
    """

    counted: dict[int, int] = {}
    """The offset of the replay that counts, by the offset of the rejected event."""

    def fresh(self, place: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records without repeats of a replay.

        Args:
            place: The place of the records: `topic/partition/`.
            records: The records.
        """
        repeats = set()
        for record in replays_in(records):
            origin = origin_of(place, record)
            if origin is not None and self._first(origin, record.offset) != record.offset:
                repeats.add(record.offset)
        return [record for record in records if record.offset not in repeats] if repeats else records

    def known(self, place: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return, of records that were folded before, those that were not repeats."""
        if not self.counted:
            return records
        origins = [(record, origin_of(place, record)) for record in records]
        return [r for r, origin in origins if origin is None or self._first(origin, r.offset) == r.offset]

    def _first(self, origin: int, offset: int) -> int:
        if origin not in self.counted and len(self.counted) >= REMEMBERED:
            del self.counted[next(iter(self.counted))]
        return self.counted.setdefault(origin, offset)


def replays_in(records: Sequence[Record]) -> list[Record]:
    """Return the records that have the header of a replay."""
    return [record for record in records if (h := record.headers) and h[-1][0] == REPLAY_HEADER]


def origin_of(place: str, record: Record) -> int | None:
    """Return the offset of the event that a record replays; None for any other record.

    >>> origin_of("labels/0/", Record(9, 0, None, b"", [(REPLAY_HEADER, b"labels/1/4")])) is None
    True
    """
    headers = record.headers
    if not headers or headers[-1][0] != REPLAY_HEADER:
        return None
    origin = (headers[-1][1] or b"").decode(errors="replace")
    offset = origin.removeprefix(place)
    if offset == origin or not (offset.isascii() and offset.isdigit() and len(offset) < 19):
        return None  # of another place, or not an offset
    return int(offset) if int(offset) < record.offset else None
