"""How old the lag of an input is: since when its oldest unread record waits."""

__all__ = ["LagAges"]


class LagAges:
    """Bounds the age of the first unread record of each input.

    The record was appended after the last one that was folded, and after the last moment without lag. So it
    waits no longer than since the later of the two.

    >>> ages = LagAges()
    >>> ages.note("labels", 0, appended_ms=1_000)
    >>> ages.seconds("labels", 0, records=5, now_ms=61_000)  # a backlog from before the start
    60.0
    >>> ages.seconds("labels", 0, records=0, now_ms=90_000)
    0.0
    >>> ages.seconds("labels", 0, records=3, now_ms=91_000)  # quiet for a minute, and then three records
    1.0
    """

    def __init__(self) -> None:
        self._appended_ms: dict[tuple[str, int], int] = {}
        self._read_ms: dict[tuple[str, int], int] = {}

    def note(self, topic: str, partition: int, appended_ms: int) -> None:
        """Record that all records up to one were folded.

        Args:
            topic: The topic of the record.
            partition: Its partition.
            appended_ms: When the record was appended.
        """
        self._appended_ms[topic, partition] = appended_ms

    def seconds(self, topic: str, partition: int, records: int, now_ms: int) -> float:
        """Return the most seconds that the first unread record has waited; 0 without lag.

        Args:
            topic: The topic of the input.
            partition: Its partition.
            records: The number of unread records.
            now_ms: The current time, since 1970.
        """
        place = topic, partition
        if records == 0:
            self._read_ms[place] = now_ms
            return 0.0
        # Before anything was folded or read to its end, the age counts from the first look.
        since_ms = max(self._appended_ms.get(place, 0), self._read_ms.get(place, 0))
        if since_ms == 0:
            since_ms = self._read_ms[place] = now_ms
        return max(0, now_ms - since_ms) / 1000
