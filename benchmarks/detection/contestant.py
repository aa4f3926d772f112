"""What takes part in the bench."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Contestant(Protocol):
    """A detector that is shown healthy rows first and then a stream.

    The bench makes it once for a kind of stream and a target, and fits it anew for each repetition. Of what
    was fitted it takes a `copy.deepcopy` for each stream, so `alarms` may leave its state wherever it ends.
    """

    def fit(self, reference: Floats) -> None:
        """Learn what is healthy, and forget all that was before."""

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return the positions at which it alarmed; after each it starts anew, unless only the first counts.

        The values follow upon the reference at once.
        """


@runtime_checkable
class Timed(Protocol):
    """A contestant that wants to know the time; it is told before `fit`, where the stream has a clock."""

    def clock(self, start_ms: int, every_ms: int) -> None:
        """Take in when the first row of the reference was, and how long after each row the next one is."""


class AlwaysFires:
    """Alarms at each value: the shortest delay there is, at an ARL of 1."""

    def fit(self, reference: Floats) -> None:
        """Learn nothing."""

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return every position."""
        return [0] if first_only else list(range(len(values)))


class NeverFires:
    """Never alarms: no false ones, and every change is missed."""

    def fit(self, reference: Floats) -> None:
        """Learn nothing."""

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return nothing."""
        return []
