"""The protocol of every online detector."""

from typing import Protocol


class Detector(Protocol):
    """Looks for one change in a sequence of values in [0, 1].

    After an alarm the next value starts a new search: the detector forgets the values before it.
    """

    @property
    def score(self) -> float:
        """Give the evidence for a change as a share of the alarm threshold: 1 or more is an alarm."""

    def update(self, value: float) -> bool:
        """Process the next value and report whether it raises an alarm.

        Args:
            value: The next value, in [0, 1].

        Returns:
            Whether the value raises an alarm. The next value then starts a new search.

        Raises:
            ValueError: The value is outside [0, 1] or NaN.
        """

    def reset(self) -> None:
        """Forget all values; the settings stay."""

    def snapshot(self) -> bytes:
        """Encode the state, in bounded size; a restored detector continues as if it had never stopped."""


def checked(value: float) -> float:
    """Check that a value is in [0, 1], and return it.

    Args:
        value: The value to check.

    Raises:
        ValueError: The value is outside [0, 1] or NaN.

    >>> checked(float("nan"))
    Traceback (most recent call last):
      ...
    ValueError: a detector takes values in [0, 1], got nan
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"a detector takes values in [0, 1], got {value}")
    return value
