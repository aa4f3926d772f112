"""The limit of what goes to `rejected`: a bad deploy must not drain a topic into it.

It is counted over the last events of one topic and partition, not over time: so it is the same event that
stops a worker, however often it is started again and in whatever chunks the events come.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.fold.rejection import Excess

UNWATCHED: frozenset[Reason] = frozenset({"unknown_model", "unknown_feature_view"})
"""On a shared topic these are other people's events. They are neither good nor bad, and are not counted."""


class RejectedLimit(NamedTuple):
    """When too much is rejected."""

    share_max: float = 0.5
    """The most that may be rejected of the last `events_min` events; 1 is no limit."""
    events_min: int = 1000


class Quarantine(Struct):
    """Which of the last events of one topic and partition were rejected, and why.

    >>> quarantine = Quarantine()
    >>> quarantine.take(4, {1: "empty", 2: "empty"}, (), RejectedLimit(0.5, 4))
    >>> quarantine.take(4, {0: "empty", 1: "invalid_event"}, (), RejectedLimit(0.5, 4))
    Excess(at=0, rejected=3, events=4, reason='empty')
    """

    events: int = 0
    """Events ever counted."""
    rejected: list[tuple[int, Reason]] = []
    """The number and reason of each that was rejected, of the last `events_min`."""

    def take(
        self, events: int, refused: Mapping[int, Reason], uncounted: Collection[int], limit: RejectedLimit
    ) -> Excess | None:
        """Take in a chunk: how many events, which were refused, and which of all do not count, by index.

        Return the first refused event with which more than `share_max` of the last `events_min` were
        rejected; the state is of no use then. Before there were `events_min` events nothing is too much.
        """
        outside = sorted(uncounted)
        first = 0
        for index in sorted(refused.keys() - set(outside)):
            number = self.events + index + 1 - bisect_left(outside, index)
            self.rejected.append((number, refused[index]))
            first = bisect_right(self.rejected, number - limit.events_min, first, key=lambda each: each[0])
            held = len(self.rejected) - first
            if number >= limit.events_min and held > limit.share_max * limit.events_min:
                reasons = Counter(reason for _, reason in self.rejected[first:])
                most = max(reasons, key=lambda reason: (reasons[reason], reason))
                return Excess(index, held, limit.events_min, most)
        self.events += events - len(outside)
        del self.rejected[: bisect_right(self.rejected, self.events - limit.events_min, key=lambda e: e[0])]
        return None

    def share(self, limit: RejectedLimit) -> float:
        """Return the share that was rejected of the last `events_min` events, or of all if they are fewer."""
        return len(self.rejected) / min(self.events, limit.events_min) if self.events else 0.0
