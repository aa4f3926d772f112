"""Page-Hinkley with a short memory, for the means of panes."""

from typing import Any

from watchkeeper.detectors.online.tape import Taped


class PanePageHinkley(Taped):
    """Detects a rise or fall of the mean against the mean of all earlier values, with river's Page-Hinkley.

    With S the sum of x - mean - 0.05 it alarms when S exceeds its minimum by 2, and likewise for a fall.
    It guarantees nothing about false alarms. The two numbers suit means of panes, whose standard deviation is
    below 0.15: a jump of 0.3 alarms after about 8 values. It has no settings.

    Paper: Page (1954), Continuous inspection schemes. Cost: 4 us per value, at most 128 floats of state.

    >>> detector = PanePageHinkley()
    >>> any(detector.update(value) for value in [0.5, 0.4] * 50), any(
    ...     detector.update(value) for value in [0.9, 0.8] * 15)
    (False, True)
    """

    @staticmethod
    def _build() -> Any:
        from river.drift import PageHinkley as RiverPageHinkley  # a slow import, as in `pane_adwin.py`

        return RiverPageHinkley(min_instances=30, delta=0.05, threshold=2.0)
