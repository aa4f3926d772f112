"""Finds the subject that a rejected event names, so that its owner is told and nobody else."""

import re
from collections.abc import Container

import msgspec

from watchkeeper.schemas.subjects import subject_of
from watchkeeper.streams.fold.protocol import Record, UnreadBatch

SEARCHED_BYTES = 64_000
"""How many bytes of a broken event are searched for a name. Chosen by hand; it bounds the time."""
_FIELDS = {"features": "feature_view"}
"""The field that names the subject, by topic; `model` in all others."""
_PATTERNS = {
    field: re.compile(rb'"%s"\s*:\s*("(?:[^"\\]|\\.)*")' % field.encode())
    for field in ("model", "feature_view", "environment")
}


def subject_named(topic: str, record: Record, watched: Container[str]) -> str | None:
    """Return the watched subject that an event names; None if it names none that can be read.

    Args:
        topic: The topic of the event, without the prefix.
        record: The event.
        watched: The subjects that have a monitor.

    >>> broken = Record(1, 0, None, b'{"model": "risk", "features": {"age": NaN')
    >>> subject_named("predictions", broken, {"risk"})
    'risk'
    >>> staging = Record(1, 0, None, b'{"model": "risk", "environment": "staging", "features": {"age": NaN')
    >>> subject_named("predictions", staging, {"risk", "risk@staging"})
    'risk@staging'
    >>> subject_named("features", broken, {"risk"}) is None
    True
    """
    if isinstance(record, UnreadBatch) or not record.value:
        return None
    name, environment = _decoded(record.value, _FIELDS.get(topic, "model"), "environment")
    if not isinstance(name, str) or "@" in name:
        return None
    subject = subject_of(name, environment if isinstance(environment, str) else None)
    return subject if subject in watched else None


def _decoded(value: bytes, *fields: str) -> list[object]:
    try:
        event = msgspec.json.decode(value[:SEARCHED_BYTES])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_found(value[:SEARCHED_BYTES], field) for field in fields]
    if isinstance(event, dict) and "specversion" in event:
        event = event.get("data")
    return [event.get(field) if isinstance(event, dict) else None for field in fields]


def _found(value: bytes, field: str) -> object:
    """Return the first text that stands behind the field's name, in a value that is not JSON."""
    found = _PATTERNS[field].search(value)
    if found is None:
        return None
    try:
        return msgspec.json.decode(found[1], type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
