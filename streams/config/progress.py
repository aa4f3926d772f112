"""How far the records of `monitors` and `references` are in force, and up to which time those are all."""

import threading
from collections.abc import Mapping

__all__ = ["Place", "ReadProgress"]

Place = tuple[str, int]
"""A partition of the configuration: the name of the topic without its prefix, and the number."""


class ReadProgress:
    """The offsets up to which records are in force. One thread advances them, others wait for them.

    >>> progress = ReadProgress()
    >>> progress.advance({("monitors", 0): 7})
    >>> progress.reach({("monitors", 0): 8}, asked_ms=40, seconds=0), progress.up_to_ms
    (False, 0)
    >>> progress.advance({("monitors", 0): 8})
    >>> progress.reach({("monitors", 0): 8}, asked_ms=40, seconds=0), progress.up_to_ms
    (True, 40)
    """

    def __init__(self) -> None:
        self._advanced = threading.Condition()
        self._offsets: dict[Place, int] = {}
        self.up_to_ms = 0
        """Everything that was appended before this time is in force."""

    @property
    def offsets(self) -> Mapping[Place, int]:
        """Return the offset after the last record in force, of each partition."""
        return self._offsets

    def advance(self, offsets: Mapping[Place, int]) -> None:
        """Record that the records before these offsets are in force.

        Args:
            offsets: The offset after the last record, of each partition.
        """
        if offsets == self._offsets:
            return
        with self._advanced:
            self._offsets = dict(offsets)
            self._advanced.notify_all()

    def reach(self, ends: Mapping[Place, int], asked_ms: int, seconds: float) -> bool:
        """Wait until the records before the ends are in force; return whether they are.

        Args:
            ends: The ends of the partitions, as they were at `asked_ms` or later.
            asked_ms: The time, since 1970, just before the broker was asked for the ends.
            seconds: The longest time to wait.
        """
        with self._advanced:
            reached = self._advanced.wait_for(lambda: self._is_past(ends), seconds)
            if reached:
                self.up_to_ms = max(self.up_to_ms, asked_ms)
            return reached

    def _is_past(self, ends: Mapping[Place, int]) -> bool:
        return all(self._offsets.get(place, -1) >= end for place, end in ends.items())
