"""How old the lag of an input is: since when its oldest unread record waits."""

__all__ = ["LagAges"]


class LagAges:
    """Bounds the age of the first unread record of each input. All times are in seconds since 1970.

    The record was appended after the last one that was folded, and after the last moment without lag. So it
    waits no longer than since the later of the two.

    >>> ages = LagAges()
    >>> ages.note("labels", 0, appended=1.0)
    >>> ages.seconds("labels", 0, records=5, now=61.0)  # a backlog from before the start
    60.0
    >>> ages.seconds("labels", 0, records=0, now=90.0)
    0.0
    >>> ages.seconds("labels", 0, records=3, now=91.0)  # quiet for a minute, and then three records
    1.0
    """

    def __init__(self) -> None:
        self._appended: dict[tuple[str, int], float] = {}
        self._read: dict[tuple[str, int], float] = {}

    def note(self, topic: str, partition: int, appended: float) -> None:
        """Record that all records up to one were folded.

        Args:
            topic: The topic of the record.
            partition: Its partition.
            appended: When the record was appended.
        """
        self._appended[topic, partition] = appended

    def seconds(self, topic: str, partition: int, records: int, now: float) -> float:
        """Return the most seconds that the first unread record has waited; 0 without lag.

        Args:
            topic: The topic of the input.
            partition: Its partition.
            records: The number of unread records.
            now: The current time.
        """
        place = topic, partition
        if records == 0:
            self._read[place] = now
            return 0.0
        # Before anything was folded or read to its end, the age counts from the first look.
        since = max(self._appended.get(place, 0.0), self._read.get(place, 0.0))
        if since == 0.0:
            since = self._read[place] = now
        return max(0.0, now - since)

    def forget(self, partition: int) -> None:
        """Forget a partition that moves to another worker."""
        for known in (self._appended, self._read):
            for place in [place for place in known if place[1] == partition]:
                del known[place]
