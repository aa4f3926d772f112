"""What detectors are fed: the mean of a pane as a number in [0, 1], in health 0.5 or its usual share."""

from math import erfc, sqrt
from typing import NamedTuple

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile

UNIT = 0.5
"""A mean that moved by so many standard deviations of the rows becomes 0.84 or 0.16."""
MEAN_TOLERANCE = 0.1
"""Of a mapped mean: 0.13 standard deviations of the rows."""
SHARE_TOLERANCE = 0.02

Sample = tuple[int, float]
"""How many values a pane had, and their sum."""


class Name(NamedTuple):
    """Which signal: `mean` or `missing` of a feature, `output` of the model, or `error` on its labels."""

    signal: str
    feature: str | None = None


class Signal(NamedTuple):
    """How the means of panes become values in [0, 1], and what they are in health.

    Shares are taken as they are. Other means become Phi((mean - centre) / (UNIT * spread)), with the centre
    and spread of the reference's rows, not of its means: so the value says how large a move is, whatever the
    number of rows, and the daily swing of a healthy feature stays inside the tolerance if it is small.

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
        """Map the mean of a pane."""
        if self.spread is None:
            return min(max(mean, 0.0), 1.0)
        return erfc((self.centre - mean) / (UNIT * self.spread * sqrt(2))) / 2


def row_signals(reference: RowsProfile) -> dict[Name, Signal]:
    """List the signals of rows that the reference knows the normal state of."""
    signals = {}
    for name, (count, total) in row_samples(reference).items():
        if name.signal == "missing":
            signals[name] = Signal(total / count, SHARE_TOLERANCE)
        else:
            number = reference.output if name.feature is None else reference.number(name.feature)
            if number is not None and number.sd > 0:
                signals[name] = Signal(centre=total / count, spread=number.sd)
    return signals


def row_samples(profile: RowsProfile) -> dict[Name, Sample]:
    """Read the signals off the profile of a pane of rows; those without any value are left out."""
    layout: Layout = profile.layout
    samples: dict[Name, Sample] = {}
    for feature in layout.numeric:
        number = profile.number(feature)
        samples[Name("missing", feature)] = (number.rows, float(number.missing))
        samples[Name("mean", feature)] = _sample(number.usable, number.mean)
    for feature in layout.categorical:
        category = profile.category(feature)
        samples[Name("missing", feature)] = (category.rows, float(category.missing))
    if profile.output is not None:
        samples[Name("output")] = _sample(profile.output.usable, profile.output.mean)
    return {name: sample for name, sample in samples.items() if sample[0] > 0}


def _sample(count: int, mean: float) -> Sample:
    return (count, count * mean) if count else (0, 0.0)
