"""The outcomes of events, as a publisher counts them."""

from typing import NamedTuple


class PublisherCounts(NamedTuple):
    """The outcomes of the events of one publisher, as numbers of events."""

    queued: int = 0
    """Events that were put on the queue."""
    dropped_invalid: int = 0
    """Events that were dropped because they were not valid."""
    dropped_queue_full: int = 0
    """Events that were dropped because the queue was full."""
    failed: int = 0
    """Queued events that were not delivered, and events that the client refused."""
