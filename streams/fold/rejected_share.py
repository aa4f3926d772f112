"""The error that stops a worker which rejects too many events."""

from typing import NamedTuple

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.errors import Unrecoverable


class Excess(NamedTuple):
    """The number of rejected events among the latest events, if it exceeds the limit."""

    at: int
    """The index in its chunk of the event that exceeded the limit."""
    rejected: int
    """Number of rejected events."""
    events: int
    """Number of events that were counted."""
    reason: Reason
    """The most frequent reason."""


class RejectedShareHigh(Unrecoverable):
    """Too many of the latest events were rejected. The worker must stop, and save nothing of this chunk.

    Args:
        event: The event that exceeded the limit, as `topic/partition/offset`.
        why: What is wrong with that event.
        excess: The numbers of events.
    """

    def __init__(self, event: str, why: str, excess: Excess) -> None:
        super().__init__(f"{event}: {excess.rejected} of the last {excess.events} events were rejected")
        self.event = event
        """The event that exceeded the limit, as `topic/partition/offset`."""
        self.why = why
        """What is wrong with that event."""
        self.excess = excess
