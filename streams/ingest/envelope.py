"""Headers and CloudEvents envelopes of events, and the reasons to reject an event because of them."""

import re
import shlex
from typing import Any, NamedTuple

import msgspec

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.fold.protocol import Record, UnreadBatch

EVENT_BYTES_MAX = 1_000_000
"""Limit for the size of an event in bytes. Chosen by hand, below Kafka's default limit of 1,048,588 bytes."""
_CLOUDEVENTS_JSON = b"application/cloudevents+json"
_JSON_TYPES = (b"application/json", b"text/json")
_OUR_TYPE = re.compile(r"io\.watchkeeper\.[a-z]+\.v(?P<version>[0-9]+)")
KNOWN_TYPES = frozenset(
    {f"io.watchkeeper.{event}.v1".encode() for event in ("prediction", "label", "feature")}
)


class EventRefusal(NamedTuple):
    """Why an event can't be used: the reason is a code on the wire, the message is for people."""

    reason: Reason
    message: str


def open_event(record: Record) -> dict[str, Any] | EventRefusal:
    """Return the event without its CloudEvents envelope, or the reason to reject it."""
    if isinstance(record, UnreadBatch):
        return EventRefusal("unreadable", record.why)
    if not record.value:
        return EventRefusal("empty", "the record has no value")
    if len(record.value) > EVENT_BYTES_MAX:
        return EventRefusal(
            "too_large", f"the event has {len(record.value):,} bytes; the limit is {EVENT_BYTES_MAX:,}"
        )
    headers = {name: value or b"" for name, value in record.headers}  # Kafka has headers without a value
    content_type = headers.get("content-type", b"").split(b";")[0].strip().lower()
    if content_type and content_type not in (*_JSON_TYPES, _CLOUDEVENTS_JSON):
        named = content_type[:100].decode(errors="replace")
        return EventRefusal("unsupported_content", f"the content type {named!r} is not JSON")
    try:
        event = msgspec.json.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return EventRefusal("malformed_json", str(error))
    texts = {name: value.decode(errors="replace") for name, value in headers.items()}
    versions: tuple[Any, Any] = texts.get("ce_type"), texts.get("ce_specversion", "1.0")
    if isinstance(event, dict) and "specversion" in event:
        versions = event.get("type"), event["specversion"]
        event = event.get("data")
    if (newer := _newer(*versions)) is not None:
        return newer
    if not isinstance(event, dict):
        return EventRefusal("invalid_event", "the event is not a JSON object")
    if headers.get("ce_time"):
        event.setdefault("event_time", texts["ce_time"])
    return event


def _newer(ce_type: object, specversion: object = "1.0") -> EventRefusal | None:
    """Refuse an event with an unknown version. A type that is not Watchkeeper's names no version."""
    if not isinstance(specversion, str) or specversion.split(".")[0] != "1":
        return EventRefusal(
            "unsupported_content",
            f"the specversion of CloudEvents is {str(specversion)[:50]!r}; only 1.x is supported",
        )
    found = _OUR_TYPE.fullmatch(ce_type) if isinstance(ce_type, str) else None
    if found is None or found["version"] == "1":
        return None
    return EventRefusal(
        "unsupported_content", f"the type of the event is {found[0][:100]}; only v1 is supported"
    )


def is_bare(record: Record) -> bool:
    """Return whether the value alone decides: it is not too large, and no header names a newer version."""
    if isinstance(record, UnreadBatch) or not record.value or len(record.value) > EVENT_BYTES_MAX:
        return False
    types = (value for name, value in record.headers if name == "ce_type" and value not in KNOWN_TYPES)
    return not any(_newer((value or b"").decode(errors="replace")) for value in types)


def unwatched(tag_field: str, name: str) -> EventRefusal:
    """Return the refusal of an event whose model or feature view has no monitor.

    Args:
        tag_field: The field that names the subject: `model` or `feature_view`.
        name: The subject.

    >>> unwatched("model", "delay").message
    "model 'delay' has no monitor; apply one, then run: watchkeeper rejected replay --model delay"
    """
    reason: Reason = "unknown_model" if tag_field == "model" else "unknown_feature_view"
    given = name[:100]
    replay = f"watchkeeper rejected replay --model {shlex.quote(given)}"
    subject = tag_field.replace("_", " ")
    return EventRefusal(reason, f"{subject} {given!r} has no monitor; apply one, then run: {replay}")
