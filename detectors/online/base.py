"""What every online detector is."""

from typing import Protocol


class Detector(Protocol):
    """Looks for one change in a sequence of values in [0, 1].

    After an alarm the next value begins a new search, with what was learned before forgotten.
    """

    @property
    def score(self) -> float:
        """Give the evidence for a change as a share of what an alarm takes: 0 is none, 1 or more an alarm."""

    def update(self, value: float) -> bool:
        """Take in the next value; return whether it raises the alarm."""

    def reset(self) -> None:
        """Forget all values."""

    def snapshot(self) -> bytes:
        """Encode the state, in bounded size; restored, it goes on as if it had never stopped."""


def checked(value: float) -> float:
    """Refuse what is not a share.

    >>> checked(float("nan"))
    Traceback (most recent call last):
      ...
    ValueError: a detector takes values in [0, 1], got nan
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"a detector takes values in [0, 1], got {value}")
    return value
