"""Collects rejections in a table on disk, each event once, so any number of them fits."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from watchkeeper.schemas.rejections import Reason, Rejection
from watchkeeper.schemas.subjects import PRODUCTION

__all__ = ["Filter", "Ledger", "Tally", "subject_of"]

_TABLE = """
PRAGMA journal_mode = OFF;
CREATE TABLE rejections (
  name TEXT PRIMARY KEY, topic TEXT, partition INTEGER, offset INTEGER, reason TEXT,
  rejected_at_ms INTEGER, replayed INTEGER, record BLOB
) WITHOUT ROWID;
BEGIN;
"""
# A killed worker may repeat a rejection after its replay. A recorded replay therefore stays recorded.
_ADD = """
INSERT INTO rejections VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  record = CASE WHEN excluded.replayed THEN excluded.record ELSE record END,
  replayed = max(replayed, excluded.replayed)
"""
_NEWEST = "SELECT record FROM rejections ORDER BY rejected_at_ms DESC, offset DESC LIMIT ?"
# In the order of rejection, over all partitions, with predictions before their labels.
_OPEN = """
SELECT record FROM rejections WHERE NOT replayed ORDER BY rejected_at_ms, topic DESC, partition, offset
"""
_TALLY = """
SELECT topic, reason, count(*), sum(replayed) FROM rejections
GROUP BY topic, reason ORDER BY count(*) DESC, topic, reason
"""
_NAMED = re.compile(rb'"(?:model|feature_view)"\s*:\s*"([^"\\]*)"')
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Rejection).decode


class Filter(NamedTuple):
    """Selects rejections. A field of None selects all."""

    reason: Reason | None = None
    topic: str | None = None
    subject: str | None = None
    """The model or feature view that the event names; with `@environment`, also the environment."""
    since: datetime | None = None
    """Select events rejected at this time or later."""
    until: datetime | None = None
    """Select events rejected before this time."""
    names: frozenset[str] | None = None
    """The `topic/partition/offset` of each event to select."""

    def takes(self, rejection: Rejection) -> bool:
        """Return whether a rejection is selected.

        >>> empty = Rejection("labels", 0, 7, "empty", "", 0, 0, None, b"", [])
        >>> Filter(topic="labels").takes(empty), Filter(names=frozenset(["labels/0/8"])).takes(empty)
        (True, False)
        """
        at = rejection.rejected_at_ms / 1000
        return (
            self.reason in (None, rejection.reason)
            and self.topic in (None, rejection.topic)
            and (self.since is None or at >= self.since.timestamp())
            and (self.until is None or at < self.until.timestamp())
            and (self.names is None or rejection.name in self.names)
            and (self.subject is None or _names(rejection, *self.subject.partition("@")[::2]))
        )


class Tally(NamedTuple):
    """Number of events of a topic that were rejected for a reason, and of those that were replayed."""

    topic: str
    reason: str
    rejected: int
    replayed: int


class Ledger:
    """Rejections, each once, in a temporary file that is deleted on exit."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, rejection: Rejection) -> None:
        """Add a rejection. A repeat changes nothing, unless it records a replay of the event."""
        place = rejection.name, rejection.topic, rejection.partition, rejection.offset
        rest = rejection.reason, rejection.rejected_at_ms, rejection.replayed is not None, _encode(rejection)
        self._database.execute(_ADD, (*place, *rest))

    def newest(self, limit: int) -> list[Rejection]:
        """Return at most `limit` rejections, the newest first."""
        return [_decode(record) for (record,) in self._database.execute(_NEWEST, (limit,))]

    def open(self) -> Iterator[Rejection]:
        """Yield the rejections that were not replayed, in the order in which they occurred."""
        for (record,) in self._database.execute(_OPEN):
            yield _decode(record)

    def tally(self) -> list[Tally]:
        """Return counts by topic and reason, the largest first."""
        return [Tally(*row) for row in self._database.execute(_TALLY)]


class _NamedEvent(msgspec.Struct):
    """The fields of an event that name its subject."""

    model: str | None = None
    feature_view: str | None = None
    environment: str | None = None


class _Enveloped(_NamedEvent):
    """The same fields of an event that may be in a CloudEvents envelope."""

    data: _NamedEvent | None = None


_named = msgspec.json.Decoder(_Enveloped)


def _names(rejection: Rejection, name: str, environment: str) -> bool:
    """Return whether an event names a model or feature view, and an environment unless that is empty."""
    event = _event(rejection)
    return name == subject_of(rejection) and environment in ("", (event and event.environment) or PRODUCTION)


def _event(rejection: Rejection) -> _NamedEvent | None:
    """Return the fields that name the subject of an event; None if it is no whole event."""
    try:
        event = _named.decode(rejection.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return event.data or event


def subject_of(rejection: Rejection) -> str | None:
    """Return the model or feature view that an event names, or None. It also reads truncated events.

    >>> cut = Rejection("labels", 0, 7, "malformed_json", "", 0, 0, None, b'{"model": "delay", "lab', [])
    >>> subject_of(cut)
    'delay'
    """
    event = _event(rejection)
    if event is None:
        found = _NAMED.search(rejection.value)
        return found[1].decode(errors="replace") if found else None
    return event.model or event.feature_view
