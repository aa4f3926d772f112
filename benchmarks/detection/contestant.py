"""The interface of a contestant, and two trivial ones."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Contestant(Protocol):
    """A detector that learns from healthy rows and then watches a stream.

    The benchmark makes one for each kind of stream and target, and refits it for each repetition. For each
    change it runs a `copy.deepcopy` of the fitted contestant, so `alarms` may change its state.
    """

    def fit(self, reference: Floats) -> None:
        """Learn from healthy rows. Discard everything learned before."""

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return the positions of alarms. After each alarm the detector restarts.

        Args:
            values: The rows that follow the reference directly.
            first_only: Whether only the first alarm matters, so that the rest may be skipped.
        """


@runtime_checkable
class Timed(Protocol):
    """A contestant that uses times. `clock` is called before `fit` if the stream has times."""

    def clock(self, start_ms: int, every_ms: int) -> None:
        """Set the times of rows.

        Args:
            start_ms: Time of the first row of the reference, in milliseconds since 1970.
            every_ms: Milliseconds between rows.
        """


class AlwaysFires:
    """Alarms at every value: the shortest possible delay, at an ARL of 1."""

    def fit(self, reference: Floats) -> None:
        """Learn nothing."""

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return every position."""
        return [0] if first_only else list(range(len(values)))


class NeverFires:
    """Never alarms: no false alarm, and every change is missed."""

    def fit(self, reference: Floats) -> None:
        """Learn nothing."""

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return an empty list."""
        return []
