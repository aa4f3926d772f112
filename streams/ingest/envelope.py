"""What is around an event: its headers and CloudEvents envelope, and what they say of it."""

import re
import shlex
from typing import Any, NamedTuple

import msgspec

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.fold.protocol import Record

EVENT_BYTES_MAX = 1_000_000
_CLOUDEVENTS_JSON = b"application/cloudevents+json"
_JSON_TYPES = (b"application/json", b"text/json")
_OUR_TYPE = re.compile(r"io\.watchkeeper\.[a-z]+\.v(?P<version>[0-9]+)")
KNOWN_TYPES = frozenset(
    {f"io.watchkeeper.{event}.v1".encode() for event in ("prediction", "label", "feature")}
)


class EventRefusal(NamedTuple):
    """Why an event can't be used."""

    reason: Reason
    message: str


def open_event(record: Record) -> dict[str, Any] | EventRefusal:
    """Return the event's object, out of its CloudEvents envelope if it has one."""
    if not record.value:
        return EventRefusal("empty", "the record has no value")
    if len(record.value) > EVENT_BYTES_MAX:
        return EventRefusal("too_large", f"{len(record.value)} bytes; at most {EVENT_BYTES_MAX} are taken")
    headers = {name: value or b"" for name, value in record.headers}  # Kafka has headers without a value
    content_type = headers.get("content-type", b"").split(b";")[0].strip().lower()
    if content_type and content_type not in (*_JSON_TYPES, _CLOUDEVENTS_JSON):
        return EventRefusal("unsupported_content", f"content-type {content_type[:100]!r} is not JSON")
    try:
        event = msgspec.json.decode(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return EventRefusal("malformed_json", str(error))
    texts = {name: value.decode(errors="replace") for name, value in headers.items()}
    said: tuple[Any, Any] = texts.get("ce_type"), texts.get("ce_specversion", "1.0")
    if isinstance(event, dict) and "specversion" in event:
        said = event.get("type"), event["specversion"]
        event = event.get("data")
    if (newer := _newer(*said)) is not None:
        return newer
    if not isinstance(event, dict):
        return EventRefusal("invalid_event", "the event is not a JSON object")
    if headers.get("ce_time"):
        event.setdefault("event_time", texts["ce_time"])
    return event


def _newer(ce_type: object, specversion: object = "1.0") -> EventRefusal | None:
    """Refuse an event that says it is of a version that is not known; types that are not ours say nothing."""
    if not isinstance(specversion, str) or specversion.split(".")[0] != "1":
        return EventRefusal(
            "unsupported_content", f"specversion {str(specversion)[:50]!r} of CloudEvents is not 1.x"
        )
    found = _OUR_TYPE.fullmatch(ce_type) if isinstance(ce_type, str) else None
    if found is None or found["version"] == "1":
        return None
    return EventRefusal(
        "unsupported_content", f"the event is of type {found[0][:100]}: this program reads v1"
    )


def is_bare(record: Record) -> bool:
    """Whether the value alone may say what the event is: not too long, and no header says it is newer."""
    if not record.value or len(record.value) > EVENT_BYTES_MAX:
        return False
    types = (value for name, value in record.headers if name == "ce_type" and value not in KNOWN_TYPES)
    return not any(_newer((value or b"").decode(errors="replace")) for value in types)


def unwatched(tag_field: str, name: str) -> EventRefusal:
    """Refuse an event of a model or feature view without a monitor.

    >>> unwatched("model", "delay").message
    "no monitor for model 'delay': apply one, then run: watchkeeper rejected replay --model delay"
    """
    reason: Reason = "unknown_model" if tag_field == "model" else "unknown_feature_view"
    given = name[:100]
    again = f"watchkeeper rejected replay --model {shlex.quote(given)}"
    return EventRefusal(reason, f"no monitor for {tag_field} {given!r}: apply one, then run: {again}")
