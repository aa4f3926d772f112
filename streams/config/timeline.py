"""Values that replace each other at known event times, and which of them is in force at a time.

Monitors and references change while events flow. Every pane is counted and judged by the revision that is in
force at its start. So each stage must know which of its decoders, layouts and lengths of windows is in force
at a time. A `Timeline` answers that.
"""

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from watchkeeper.schemas.times import BEGINNING_MS, END_MS

T = TypeVar("T")
U = TypeVar("U")
Times = NDArray[np.int64]


class Revision(NamedTuple, Generic[T]):
    """A value and the event time in which it is in force: from `from_ms`, and before `until_ms`, in ms."""

    value: T
    from_ms: int = BEGINNING_MS
    until_ms: int = END_MS


class Timeline(Generic[T]):
    """Values in force one after another. At any time exactly one is in force. A timeline is immutable.

    Args:
        first: The value in force at all times before the first change.
        *changes: Pairs of a time in ms and the value in force from then on. Of two changes at the same time
            the later one in the list counts.

    Raises:
        ValueError: if the changes are not in the order of their times.

    >>> timeline = Timeline("old", (40, "new"))
    >>> timeline.at(39), timeline.at(40), timeline.latest
    ('old', 'new', 'new')
    >>> timeline.runs(np.array([39, 38, 41, 40, 12]))
    [('old', slice(0, 2, None)), ('new', slice(2, 4, None)), ('old', slice(4, 5, None))]
    """

    __slots__ = ("_changed_ms", "_starts", "history", "latest", "revisions")

    revisions: tuple[Revision[T], ...]
    """All values with the times in which they are in force, the oldest first."""
    history: tuple[T, ...]
    """All values, the oldest first."""
    latest: T
    """The last value, whether it is in force already or not."""

    def __init__(self, first: T, *changes: tuple[int, T]) -> None:
        """Make a timeline of values, the oldest first."""
        self._starts = [from_ms for from_ms, _ in changes]
        if any(later < earlier for earlier, later in pairwise(self._starts)):
            raise ValueError("the changes of a timeline must be in the order of their times")
        bounds = pairwise([BEGINNING_MS, *self._starts, END_MS])
        self.history = (first, *(value for _, value in changes))
        self.revisions = tuple(
            Revision(value, *bound) for value, bound in zip(self.history, bounds, strict=True)
        )
        self.latest, self._changed_ms, _ = self.revisions[-1]

    def at(self, time_ms: int) -> T:
        """Return the value in force at a time. A time after the last change costs one comparison."""
        if time_ms >= self._changed_ms:
            return self.latest
        return self.history[bisect_right(self._starts, time_ms)]

    def revision(self, time_ms: int) -> Revision[T]:
        """Return the value in force at a time, with the time in which it is in force."""
        return self.revisions[bisect_right(self._starts, time_ms)]

    def indices(self, times: Times) -> NDArray[np.intp] | int:
        """Return the index in `history` of each time's value; a single index if all have the latest value."""
        if not self._starts or (times >= self._changed_ms).all():
            return len(self._starts)
        return np.searchsorted(self._starts, times, side="right")

    def runs(self, times: Times) -> list[tuple[T, slice]]:
        """Split a batch of times, in the order given, where the value in force changes.

        Return each value with the slice of times in which it is in force. If all times have the latest value,
        the cost is one pass over the times.
        """
        indices = self.indices(times)
        if isinstance(indices, int):
            return [(self.latest, slice(0, len(times)))]
        bounds = [0, *(np.flatnonzero(np.diff(indices)) + 1).tolist(), len(times)]
        return [(self.history[indices[first]], slice(first, end)) for first, end in pairwise(bounds)]

    def map(self, function: Callable[[Revision[T]], U]) -> "Timeline[U]":
        """Return a timeline of the results of a function, which is called with each revision.

        >>> Timeline(2, (40, 3)).map(lambda revision: revision.value * 10).history
        (20, 30)
        """
        first, *changes = self.revisions
        return Timeline(function(first), *((each.from_ms, function(each)) for each in changes))

    def __eq__(self, other: object) -> bool:
        """Whether both have equal values and change at the same times."""
        return isinstance(other, Timeline) and self.revisions == other.revisions

    __hash__ = None  # type: ignore[assignment]  # the values need not be hashable

    def __repr__(self) -> str:
        """Return an expression that makes the timeline."""
        first, *changes = self.revisions
        return f"Timeline({', '.join([repr(first.value), *(repr((c.from_ms, c.value)) for c in changes)])})"
