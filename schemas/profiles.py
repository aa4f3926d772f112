"""What travels on the topic `profiles`: a mergeable pane of one subject, or how far a source has come."""

import msgspec
from msgspec import Struct

from schemas.findings import Kind


class Pane(Struct, frozen=True, tag="pane"):
    """The profile of the rows of one subject, version and segment in one short span of event time."""

    subject: str
    version: str
    segment: str | None
    """`dimension=value`, or None for all rows."""
    kind: Kind
    start_ms: int
    end_ms: int
    layout: str
    """The id of the layout that the profile was binned by; profiles of two layouts never merge."""
    rows: int
    """Rows of all kinds in the profile, so that they can be counted without decoding it."""
    profile: bytes


class Watermark(Struct, frozen=True, tag="watermark"):
    """One source promises that it sends no more panes before these event times."""

    source: str
    """The fold that sends it: `ingest/3`."""
    now_ms: int
    event_time_ms: dict[Kind, int]
    idle: list[Kind]
    """Kinds that have no records now, and must not hold the others back."""


_decoder = msgspec.msgpack.Decoder(Pane | Watermark)


def encode_profile(message: Pane | Watermark) -> bytes:
    """Write one record of the topic `profiles`."""
    return msgspec.msgpack.encode(message)


def decode_profile(data: bytes) -> Pane | Watermark:
    """Read one record of the topic `profiles`.

    >>> decode_profile(encode_profile(Watermark("ingest/0", 5, {"labels": 3}, ["features"])))
    Watermark(source='ingest/0', now_ms=5, event_time_ms={'labels': 3}, idle=['features'])
    """
    return _decoder.decode(data)
