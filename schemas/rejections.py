"""An event that could not be used: its original bytes, where it was, and why."""

from typing import Literal

from msgspec import Struct

Reason = Literal[
    "empty",  # a tombstone or no bytes
    "too_large",  # above the limit; the first bytes are kept, the whole is still at its offset
    "malformed_json",  # not JSON, truncated, or not UTF-8
    "invalid_event",  # JSON, but a field of the envelope is missing or of a wrong type
    "unknown_model",  # no monitor for this model
    "unknown_feature_view",  # no monitor for this feature view
    "time_out_of_range",  # before 2000, or more than an hour ahead of the clock
    "unsupported_content",  # not the JSON of an event, and a content type that is not JSON
]


class Rejection(Struct, frozen=True):
    """One record of the topic `rejected`; by its key `topic/partition/offset` a repeat changes nothing."""

    topic: str
    partition: int
    offset: int
    reason: Reason
    message: str
    """One sentence: what is wrong and where, from the decoder."""
    rejected_at_ms: int
    size_bytes: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]
