"""How often on-call was woken for a subject, to be held against its budget of false pages."""

from bisect import insort

from msgspec import Struct

MOST = 1000
"""Pages that are remembered; more than so many are told as so many."""


class Pages(Struct):
    """When pages began, in event time."""

    at_ms: list[int] = []
    """In order."""
    reached_ms: int = 0
    """The end of the newest window."""

    def reach(self, at_ms: int) -> None:
        """Let event time pass."""
        self.reached_ms = max(self.reached_ms, at_ms)

    def note(self, at_ms: int) -> None:
        """Remember a page."""
        insort(self.at_ms, at_ms)
        del self.at_ms[:-MOST]

    def within(self, span_ms: int) -> int:
        """Count the pages of the newest span of time.

        >>> pages = Pages()
        >>> for day in (1, 2, 40):
        ...     pages.note(day)
        >>> pages.reach(41)
        >>> pages.within(30), pages.within(40)
        (1, 2)
        """
        return sum(at > self.reached_ms - span_ms for at in self.at_ms)
