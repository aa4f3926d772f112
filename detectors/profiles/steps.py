"""Measures how far a window ordinarily lies from the windows just before it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.summaries import NumberSummary

RECENT = 7
"""Number of windows in the recent past. Chosen by hand: with windows of a day it is a week."""
_FIRST = 3
"""Number of windows before the first one that is compared, as `RECENT_SPANS_MIN` in `spans.py`."""


class Step(NamedTuple):
    """The extremes of one window against the seven before it, over many windows."""

    jump_max: float
    """The largest distance of the means, in the unit of the number."""
    ratio_min: float
    """The smallest ratio of the window's standard deviation to that of the seven."""
    ratio_max: float
    """The largest such ratio."""


def ordinary_step(windows: Sequence[NumberSummary]) -> Step | None:
    """Measure the ordinary step of one number.

    The seven windows before are taken as one sample, with its mean and its deviation around that mean.
    Cost: linear in the windows.

    Args:
        windows: The number in each window, in order of time.

    Returns:
        The extremes, or None with fewer than four windows that have values.
    """
    filled = [window for window in windows if window.usable > 1]
    if len(filled) <= _FIRST:
        return None
    rows = np.array([window.usable for window in filled], float)
    means = np.array([window.mean for window in filled]) - filled[0].shape.centre
    deviations = np.array([window.sd for window in filled])
    # Scaled to about 1, so that the squares of the largest numbers are finite.
    power = int(np.frexp(max(np.abs(means).max(), deviations.max()))[1])
    means, deviations = np.ldexp(means, -power), np.ldexp(deviations, -power)
    before = _sums(np.stack((rows, rows * means, rows * (deviations**2 + means**2))))
    mean = before[1] / before[0]
    deviation = np.sqrt(np.maximum(before[2] / before[0] - mean**2, 0.0))
    varied = deviation > 0
    ratios = deviations[_FIRST:][varied] / deviation[varied]
    jump = float(np.ldexp(np.abs(means[_FIRST:] - mean).max(), power))
    return Step(jump, float(ratios.min()), float(ratios.max())) if len(ratios) else None


def _sums(values: Floats) -> Floats:
    """Sum each row over the seven columns before, from the fourth column on."""
    total = np.concatenate((np.zeros((len(values), 1)), np.cumsum(values, axis=1)), axis=1)
    last = np.arange(_FIRST, values.shape[1])
    summed: Floats = total[:, last] - total[:, np.maximum(0, last - RECENT)]
    return summed
