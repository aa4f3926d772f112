"""How far a window ordinarily lies from the windows just before it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.summaries import NumberSummary

RECENT = 7
"""Windows that make the recent past."""
_FIRST = 3


class Step(NamedTuple):
    """The extremes, over many windows, of one window against the seven before it."""

    jump_max: float
    """The largest distance of the means."""
    ratio_min: float
    ratio_max: float
    """The smallest and the largest deviation of the window over that of the seven."""


def ordinary_step(windows: Sequence[NumberSummary]) -> Step | None:
    """Measure one number over windows in order of time; None when there are too few.

    The seven before are summed up as one sample: their mean, and their deviation around that mean.
    Cost: linear in the windows.
    """
    filled = [window for window in windows if window.usable > 1]
    if len(filled) <= _FIRST:
        return None
    rows = np.array([window.usable for window in filled], float)
    means = np.array([window.mean for window in filled]) - filled[0].shape.centre
    deviations = np.array([window.sd for window in filled])
    # Near 1, so that squares of the largest numbers are numbers.
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
