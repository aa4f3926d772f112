"""The rejections among the last events of a topic and partition.

The share is measured over events, not over time. So it is the same after any number of restarts and with any
chunks.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.rejections import Reason

UNWATCHED: frozenset[Reason] = frozenset({"unknown_model", "unknown_feature_view"})
"""Reasons that do not count. On a shared topic these events belong to other teams and are no errors."""


class RejectedLimit(NamedTuple):
    """The limit of events that are rejected and name no subject: how large a share of the last events."""

    share_max: float = 0.5
    """Largest share of the last `events_min` events. 1 means no limit."""
    events_min: int = 1000
    """Number of events that the share is measured over. With fewer events there is no limit."""


class Excess(NamedTuple):
    """The rejected events that name no subject, if they exceed the limit."""

    rejected: int
    """Number of these events."""
    events: int
    """Number of events that were counted."""
    reason: Reason
    """The most frequent reason."""
    sample: str
    """The place of the last of these events, and what is wrong with it."""


class Quarantine(Struct):
    """The rejections among the last events of one topic and partition, with their reasons.

    >>> quarantine, limit = Quarantine(), RejectedLimit(0.5, 4)
    >>> quarantine.take(4, {1: "empty", 2: "empty", 3: "empty"}, (), limit, {2: "labels/0/2: empty"})
    >>> quarantine.share(limit), quarantine.excess(limit)
    (0.75, None)
    """

    events: int = 0
    """Number of events counted so far."""
    rejected: list[tuple[int, Reason]] = []
    """Number (from 1) and reason of each rejected event among the last `events_min`."""
    unnamed: list[tuple[int, Reason]] = []
    """Those of them whose subject can't be read."""
    sample: str = ""
    """The place of the last of these, and what is wrong with it."""

    def take(
        self,
        events: int,
        refused: Mapping[int, Reason],
        uncounted: Collection[int],
        limit: RejectedLimit,
        unnamed: Mapping[int, str],
    ) -> None:
        """Count a chunk.

        Args:
            events: Number of events of the chunk.
            refused: The reasons of refused events, by index.
            uncounted: Indices of the events, refused or not, that do not count.
            limit: The limit.
            unnamed: For refused events whose subject can't be read, the place and what is wrong, by index.
        """
        skipped = sorted(uncounted)
        for index in sorted(refused.keys() - set(skipped)):
            counted = (self.events + index + 1 - bisect_left(skipped, index), refused[index])
            self.rejected.append(counted)
            if index in unnamed:
                self.unnamed.append(counted)
                self.sample = unnamed[index]
        self.events += events - len(skipped)
        for kept in (self.rejected, self.unnamed):
            del kept[: bisect_right(kept, self.events - limit.events_min, key=lambda each: each[0])]

    def share(self, limit: RejectedLimit) -> float:
        """Return the share of rejections among the last `events_min` events (or all, if fewer)."""
        return len(self.rejected) / min(self.events, limit.events_min) if self.events else 0.0

    def excess(self, limit: RejectedLimit) -> Excess | None:
        """Return the rejected events whose subject can't be read, if their share is above the limit."""
        if self.events < limit.events_min or len(self.unnamed) <= limit.share_max * limit.events_min:
            return None
        reasons = Counter(reason for _, reason in self.unnamed)
        most = max(reasons, key=lambda reason: (reasons[reason], reason))
        return Excess(len(self.unnamed), limit.events_min, most, self.sample)
