"""An event that could not be used: its bytes, its place, the reason, and whether it was replayed."""

from typing import Literal

from msgspec import Struct

REPLAY_HEADER = "wk-replay-of"
"""The last header of a replayed event: `topic/partition/offset` of the event that was rejected."""
KEPT_VALUE_BYTES = 64_000
"""Most bytes that are kept of the value.

This limit and the two below are chosen by hand: usual events fit whole, and large ones do not fill the topic.
"""
KEPT_HEADERS = 50
"""Most headers that are kept."""
KEPT_PART_BYTES = 1_000
"""Most bytes that are kept of the key, and of each header."""

Reason = Literal[
    "empty",  # a tombstone or no bytes
    "too_large",  # above the limit; the first bytes are kept, the whole event is still at its offset
    "malformed_json",  # not JSON, truncated, or not UTF-8
    "invalid_event",  # JSON, but a field of the envelope is missing or has a wrong type
    "unknown_model",  # no monitor for this model
    "unknown_feature_view",  # no monitor for this feature view
    "time_out_of_range",  # before 2000, or more than an hour ahead of the clock
    "unsupported_content",  # not the JSON of an event, and a content type that is not JSON
    "unreadable",  # a batch that can't be read; or on our own topics, and not what a stage writes there
]
"""Why an event was rejected."""


class Replay(Struct, frozen=True):
    """The replay of a rejected event: it was published again."""

    at_ms: int
    """Clock time of the replay, in ms since 1970."""
    by: str
    """User and host that replayed it."""
    offset: int
    """Its new offset, in the topic and partition that it came from."""


class Rejection(Struct, frozen=True, omit_defaults=True):
    """One record of the topic `rejected`, identified by its key `topic/partition/offset`.

    A repeated record without `replayed` changes nothing. A record with it shows that the event was replayed.
    """

    topic: str
    """The topic of the event, without prefix."""
    partition: int
    """The partition of the event."""
    offset: int
    """The offset of the event."""
    reason: Reason
    """Why it was rejected."""
    message: str
    """One sentence from the decoder: what is wrong, and where."""
    rejected_at_ms: int
    """Clock time of the rejection, in ms since 1970."""
    size_bytes: int
    """Size of the whole value in bytes."""
    key: bytes | None
    """The first bytes of the key."""
    value: bytes
    """The first bytes of the value."""
    headers: list[tuple[str, bytes]]
    """The first headers, and the first bytes of each."""
    replayed: Replay | None = None
    """The replay; None before it."""

    @property
    def name(self) -> str:
        """Return `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Whether key, value and headers were certainly kept whole."""
        parts = [self.key or b"", *(content for _, content in self.headers)]
        cut = len(self.headers) >= KEPT_HEADERS or max(map(len, parts)) >= KEPT_PART_BYTES
        return len(self.value) == self.size_bytes and not cut
