"""Replayed events are counted once, however often they were published.

`watchkeeper rejected replay` publishes first and notes it after, so what it was doing when it was killed is
published again. The header says which event a replay repeats; the first of each counts.
"""

from collections.abc import Sequence

from msgspec import Struct

from watchkeeper.schemas.rejections import REPLAY_HEADER
from watchkeeper.streams.fold.protocol import Record

REMEMBERED = 10_000


class Replays(Struct):
    """The replays that count, of one topic and partition; the newest so many are remembered.

    >>> replays = Replays()
    >>> again = Record(9, 0, None, b"", [(REPLAY_HEADER, b"labels/0/4")])
    >>> replays.fresh("labels/0/", [again, again._replace(offset=10)]) == [again]
    True
    """

    counted: dict[int, int] = {}
    """Offset of the event that was rejected -> offset of its replay."""

    def fresh(self, place: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records without repeats of a replay; `place` is `topic/partition/`."""
        repeats = set()
        for record in replays_in(records):
            origin = origin_of(place, record)
            if origin is not None and self._first(origin, record.offset) != record.offset:
                repeats.add(record.offset)
        return [record for record in records if record.offset not in repeats] if repeats else records

    def known(self, place: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return, of records folded before, those that were not repeats."""
        if not self.counted:
            return records
        origins = [(record, origin_of(place, record)) for record in records]
        return [r for r, origin in origins if origin is None or self._first(origin, r.offset) == r.offset]

    def _first(self, origin: int, offset: int) -> int:
        if origin not in self.counted and len(self.counted) >= REMEMBERED:
            del self.counted[next(iter(self.counted))]
        return self.counted.setdefault(origin, offset)


def replays_in(records: Sequence[Record]) -> list[Record]:
    """Return the records that say of themselves that they are replays."""
    return [record for record in records if (h := record.headers) and h[-1][0] == REPLAY_HEADER]


def origin_of(place: str, record: Record) -> int | None:
    """Return the offset of the event that a record replays; None for any other record.

    >>> origin_of("labels/0/", Record(9, 0, None, b"", [(REPLAY_HEADER, b"labels/1/4")])) is None
    True
    """
    headers = record.headers
    if not headers or headers[-1][0] != REPLAY_HEADER:
        return None
    said = (headers[-1][1] or b"").decode(errors="replace")
    offset = said.removeprefix(place)
    if offset == said or not (offset.isascii() and offset.isdigit() and len(offset) < 19):
        return None  # of another place, or nonsense
    return int(offset) if int(offset) < record.offset else None
