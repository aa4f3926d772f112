"""An event that could not be used: its original bytes, where it was, why, and whether it was replayed."""

from typing import Literal

from msgspec import Struct

REPLAY_HEADER = "wk-replay-of"
"""The last header of a replayed event: `topic/partition/offset` of the event that was rejected."""
KEPT_VALUE_BYTES = 64_000
KEPT_HEADERS = 50
KEPT_PART_BYTES = 1_000
"""Bytes that are kept of the key, and of each header."""

Reason = Literal[
    "empty",  # a tombstone or no bytes
    "too_large",  # above the limit; the first bytes are kept, the whole is still at its offset
    "malformed_json",  # not JSON, truncated, or not UTF-8
    "invalid_event",  # JSON, but a field of the envelope is missing or of a wrong type
    "unknown_model",  # no monitor for this model
    "unknown_feature_view",  # no monitor for this feature view
    "time_out_of_range",  # before 2000, or more than an hour ahead of the clock
    "unsupported_content",  # not the JSON of an event, and a content type that is not JSON
    "unreadable",  # on one of our own topics, and not what a stage writes there
]


class Replay(Struct, frozen=True):
    """That a rejected event was published again."""

    at_ms: int
    by: str
    """User and host."""
    offset: int
    """Where it lies now: in the topic and partition that it came from."""


class Rejection(Struct, frozen=True, omit_defaults=True):
    """One record of the topic `rejected`, known by its key `topic/partition/offset`.

    A repeat without `replayed` changes nothing; one with it says that the event was replayed.
    """

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
    replayed: Replay | None = None

    @property
    def name(self) -> str:
        """Return `topic/partition/offset`."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Whether key, value and headers were certainly not cut short."""
        parts = [self.key or b"", *(content for _, content in self.headers)]
        cut = len(self.headers) >= KEPT_HEADERS or max(map(len, parts)) >= KEPT_PART_BYTES
        return len(self.value) == self.size_bytes and not cut
