"""The limit of rejections: a bad deploy must not drain a topic into `rejected`.

The share is measured over the last events of one topic and partition, not over time. So the same event stops
a worker after any number of restarts and with any chunks.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.fold.rejected_share import Excess

UNWATCHED: frozenset[Reason] = frozenset({"unknown_model", "unknown_feature_view"})
"""Reasons that do not count. On a shared topic these events belong to other teams and are no errors."""


class RejectedLimit(NamedTuple):
    """The limit: how large a share of the last events may be rejected."""

    share_max: float = 0.5
    """Largest share of the last `events_min` events that may be rejected. 1 means no limit."""
    events_min: int = 1000
    """Number of events that the share is measured over. With fewer events there is no limit."""


class Quarantine(Struct):
    """The rejections among the last events of one topic and partition, with their reasons.

    >>> quarantine = Quarantine()
    >>> quarantine.take(4, {1: "empty", 2: "empty"}, (), RejectedLimit(0.5, 4))
    >>> quarantine.take(4, {0: "empty", 1: "invalid_event"}, (), RejectedLimit(0.5, 4))
    Excess(at=0, rejected=3, events=4, reason='empty')
    """

    events: int = 0
    """Number of events counted so far."""
    rejected: list[tuple[int, Reason]] = []
    """Number (from 1) and reason of each rejected event among the last `events_min`."""

    def take(
        self, events: int, refused: Mapping[int, Reason], uncounted: Collection[int], limit: RejectedLimit
    ) -> Excess | None:
        """Count a chunk; return the first event that exceeds the limit, or None.

        After an excess the state is invalid and must not be saved.

        Args:
            events: Number of events of the chunk.
            refused: The reasons of refused events, by index.
            uncounted: Indices of the events, refused or not, that do not count.
            limit: The limit.
        """
        skipped = sorted(uncounted)
        first = 0
        for index in sorted(refused.keys() - set(skipped)):
            number = self.events + index + 1 - bisect_left(skipped, index)
            self.rejected.append((number, refused[index]))
            first = bisect_right(self.rejected, number - limit.events_min, first, key=lambda each: each[0])
            rejected = len(self.rejected) - first
            if number >= limit.events_min and rejected > limit.share_max * limit.events_min:
                reasons = Counter(reason for _, reason in self.rejected[first:])
                most = max(reasons, key=lambda reason: (reasons[reason], reason))
                return Excess(index, rejected, limit.events_min, most)
        self.events += events - len(skipped)
        del self.rejected[: bisect_right(self.rejected, self.events - limit.events_min, key=lambda e: e[0])]
        return None

    def share(self, limit: RejectedLimit) -> float:
        """Return the share of rejections among the last `events_min` events (or all, if fewer)."""
        return len(self.rejected) / min(self.events, limit.events_min) if self.events else 0.0
