"""Detectors of river, saved as the values they were fed instead of as pickles."""

from abc import ABC, abstractmethod
from array import array
from typing import Any, Self

from watchkeeper.detectors.online.base import checked

TAPE_MAX = 128
"""The most values on a tape. Chosen by hand: a longer tape remembers more, and takes longer to replay."""


class Taped(ABC):
    """A detector of river together with the values fed since its last reset.

    The tape is the snapshot: replayed into a new object of river, it gives the same state, also with another
    version of river. When the tape is full, its older half is dropped and the river object is rebuilt from
    the rest. So a restored detector equals one that was never stopped, and the state is bounded.
    """

    def __init__(self) -> None:
        self._tape = array("f")
        self._detector: Any = self._build()

    @staticmethod
    @abstractmethod
    def _build() -> Any:
        """Build river's detector, without any values."""

    @property
    def score(self) -> float:
        """Give 1 at an alarm, else 0: river reports nothing in between."""
        return 1.0 if self._detector.drift_detected else 0.0

    def update(self, value: float) -> bool:
        """Process the next value; return whether it raises an alarm. See `Detector.update`."""
        checked(value)
        if self._detector.drift_detected:
            self.reset()
        if len(self._tape) == TAPE_MAX:
            self._replay(self._tape[TAPE_MAX // 2 :])
        self._feed(value)
        return bool(self._detector.drift_detected)

    def reset(self) -> None:
        """Forget all values; the settings stay."""
        self._replay(array("f"))

    def snapshot(self) -> bytes:
        """Encode the tape: at most 512 bytes."""
        return self._tape.tobytes()

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the detector from a snapshot.

        Args:
            state: The bytes that `snapshot` returned.
        """
        tape = array("f")
        tape.frombytes(state)
        detector = cls()
        detector._replay(tape)
        return detector

    def _replay(self, values: "array[float]") -> None:
        self._tape = array("f")
        self._detector = self._build()
        for value in values:
            self._feed(value)

    def _feed(self, value: float) -> None:
        # The rounded value is fed, so that a replay feeds the same.
        self._tape.append(value)
        self._detector.update(self._tape[-1])
