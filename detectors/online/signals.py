"""The input of the online detectors: the mean of a pane as a number in [0, 1]."""

from math import erfc, sqrt
from typing import NamedTuple

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile

UNIT = 0.5
"""Standard deviations of the rows by which a mean moves from 0.5 to 0.84 or 0.16. Chosen by hand: a smaller
unit shows smaller moves, and makes large ones alike."""
MEAN_TOLERANCE = 0.1
"""How far the mapped mean may lie from its baseline of 0.5 without harm: 0.13 standard deviations of the
rows. Chosen by hand: a larger tolerance ignores larger daily swings, and smaller faults."""
SHARE_TOLERANCE = 0.02
"""How far a share may lie from its baseline without harm. Chosen by hand, as `MEAN_TOLERANCE`."""

Sample = tuple[int, float]
"""The number of values of a pane, and their sum."""


class SignalName(NamedTuple):
    """Identifies a signal."""

    signal: str
    """`mean` or `missing` of a feature, `output` of the model, or `error` on its labels."""
    feature: str | None = None
    """The feature, where the signal is of one."""


class Signal(NamedTuple):
    """Maps the means of panes to values in [0, 1].

    Shares are used as they are. Other means become Phi((mean - centre) / (UNIT * spread)), with the centre
    and spread of the reference's rows, not of its means. So the value shows the size of a move for any number
    of rows, and a small daily swing of a healthy feature stays inside the tolerance.

    Args:
        baseline: The healthy value, in [0, 1].
        tolerance: How far the value may lie from the baseline without harm.
        centre: The mean of the reference's rows.
        spread: The standard deviation of the reference's rows; None for a share.

    >>> Signal(centre=10.0, spread=4.0).value(12.0)
    0.84
    >>> Signal(baseline=0.02, tolerance=SHARE_TOLERANCE).value(0.5)
    0.5
    """

    baseline: float = 0.5
    tolerance: float = MEAN_TOLERANCE
    centre: float = 0.0
    spread: float | None = None

    def value(self, mean: float) -> float:
        """Map the mean of a pane to [0, 1].

        Args:
            mean: The mean of the pane's values, or a share.
        """
        if self.spread is None:
            return min(max(mean, 0.0), 1.0)
        return erfc((self.centre - mean) / (UNIT * self.spread * sqrt(2))) / 2


def row_signals(reference: RowsProfile) -> dict[SignalName, Signal]:
    """List the signals of rows that the reference has a baseline for.

    Args:
        reference: The profile of the reference's rows.
    """
    signals = {}
    for name, (count, total) in row_samples(reference).items():
        if name.signal == "missing":
            signals[name] = Signal(total / count, SHARE_TOLERANCE)
        else:
            number = reference.output if name.feature is None else reference.number(name.feature)
            if number is not None and number.sd > 0:
                signals[name] = Signal(centre=total / count, spread=number.sd)
    return signals


def row_samples(profile: RowsProfile) -> dict[SignalName, Sample]:
    """Read the signals from the profile of a pane of rows; signals without a value are left out.

    Args:
        profile: The profile of the pane's rows.
    """
    layout: Layout = profile.layout
    samples: dict[SignalName, Sample] = {}
    for feature in layout.numeric:
        number = profile.number(feature)
        samples[SignalName("missing", feature)] = (number.rows, float(number.missing))
        samples[SignalName("mean", feature)] = _sample(number.usable, number.mean)
    for feature in layout.categorical:
        category = profile.category(feature)
        samples[SignalName("missing", feature)] = (category.rows, float(category.missing))
    if profile.output is not None:
        samples[SignalName("output")] = _sample(profile.output.usable, profile.output.mean)
    return {name: sample for name, sample in samples.items() if sample[0] > 0}


def _sample(count: int, mean: float) -> Sample:
    return (count, count * mean) if count else (0, 0.0)
