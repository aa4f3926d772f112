"""How often on-call was woken for a subject, for comparison with its budget of false pages."""

from bisect import insort

from msgspec import Struct

PAGES_MAX = 1000
"""Most pages that are remembered for one subject, and so the highest count.

Chosen by hand: it bounds the checkpoint's size, far above any budget of false pages.
"""


class PageHistory(Struct):
    """When the pages of one subject began, in event time."""

    at_ms: list[int] = []
    """When each page began, in ms since 1970, in ascending order."""
    reached_ms: int = 0
    """The end of the newest window, in ms since 1970."""

    def advance(self, at_ms: int) -> None:
        """Advance event time.

        Args:
            at_ms: The end of a window, in ms since 1970.
        """
        self.reached_ms = max(self.reached_ms, at_ms)

    def note(self, at_ms: int) -> None:
        """Remember a page.

        Args:
            at_ms: When it began, in ms since 1970.
        """
        insort(self.at_ms, at_ms)
        del self.at_ms[:-PAGES_MAX]

    def within(self, span_ms: int) -> int:
        """Count the pages in the newest span of event time.

        Args:
            span_ms: The length of the span, in milliseconds.

        >>> pages = PageHistory()
        >>> for day in (1, 2, 40):
        ...     pages.note(day)
        >>> pages.advance(41)
        >>> pages.within(30), pages.within(40)
        (1, 2)
        """
        return sum(at > self.reached_ms - span_ms for at in self.at_ms)
