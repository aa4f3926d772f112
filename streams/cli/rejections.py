"""Reads the topic `rejected` and formats its records."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from watchkeeper.schemas.rejections import REPLAY_HEADER, Rejection
from watchkeeper.streams.cli.connection import reach
from watchkeeper.streams.cli.ledger import Filter
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.kafka.client import read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["document", "read_rejections", "row", "whole_documents"]

_decoder = msgspec.msgpack.Decoder(Rejection)


def read_rejections(settings: Settings, chosen: Filter) -> Iterator[Rejection]:
    """Yield the selected records, including repeats and records of replays. Report unreadable records."""
    topic = topic_name(settings, "rejected")
    for number in sorted(reach(settings).topics[topic].partitions):
        for message in read_to_end(settings, topic, number):
            try:
                rejection = _decoder.decode(message.value() or b"")
            except msgspec.MsgspecError as error:
                note(f"{topic}/{number}/{message.offset()} is not a rejection and is skipped: {error}")
                continue
            if chosen.takes(rejection):
                yield rejection


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def row(rejection: Rejection) -> list[str]:
    """Return a row of the table: event, time, reason, replay, problem."""
    replayed = _time(rejection.replayed.at_ms) if rejection.replayed else ""
    return [rejection.name, _time(rejection.rejected_at_ms), rejection.reason, replayed, rejection.message]


def whole_documents(settings: Settings, rejections: list[Rejection]) -> list[dict[str, Any]]:
    """Return documents with values, which the search for the newest rejections does not keep."""
    names = frozenset(each.name for each in rejections)
    values = (
        {found.name: found.value for found in read_rejections(settings, Filter(names=names))} if names else {}
    )
    return [document(msgspec.structs.replace(each, value=values[each.name])) for each in rejections]


def document(rejection: Rejection) -> dict[str, Any]:
    """Return all details of a rejection, for JSON."""
    replay = rejection.replayed
    replay_of = next((text for name, text in rejection.headers if name == REPLAY_HEADER), None)
    return {
        "event": rejection.name,
        "reason": rejection.reason,
        "message": rejection.message,
        "rejected_at": _time(rejection.rejected_at_ms),
        "replayed_at": _time(replay.at_ms) if replay else None,
        "replayed_by": replay.by if replay else None,
        "replayed_as": f"{rejection.topic}/{rejection.partition}/{replay.offset}" if replay else None,
        "replay_of": _text(replay_of) if replay_of else None,
        "size_bytes": rejection.size_bytes,
        "key": None if rejection.key is None else _text(rejection.key),
        "headers": [[name, _text(value)] for name, value in rejection.headers],
        "value": _text(rejection.value),
    }


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
