"""Separates the rows of a window that look converted from those that are as before."""

from math import sqrt
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.checks.quality.units import Conversion
from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.detectors.profiles.summaries import NumberSummary

_PART_ROWS_MIN = 5
"""Minimum number of converted rows, and of the others. Chosen by hand."""
_THERE = 0.9
"""Smallest share of converted rows that must fall into other bins than before. Chosen by hand."""
_APART = 3.0
"""Smallest distance of the converted rows from the others, in margins of their mean. Chosen by hand."""
_KNOWN = 0.25
"""Largest margin of the converted mean, as a share of it. Chosen by hand: with more, all conversions to much
smaller numbers look alike."""
_BEYOND = 4.0
"""Number of rows expected beyond a value for at least one to be there with 98 %: 1 - exp(-4)."""
MARGIN = 1.25
"""Factor by which a mean must lie further than ever seen, and by which a deviation may be smaller. Chosen by
hand."""
_LARGEST = 1e150
"""The largest deviation that is used: the squares of larger ones are no floats."""
_SURE = 3.0
"""Number of standard errors by which the count of converted rows may fall short. Chosen by hand."""


class UnitPart(NamedTuple):
    """The rows that look converted by one conversion."""

    share: float
    """Their share of the window's rows, 0 to 1."""
    usable: float
    """Their number."""
    mean: float
    """Their mean."""
    sd: float
    """Their standard deviation. It is taken from the conversion: the window's deviation also has the distance
    of both kinds of rows in it."""
    margin: float
    """How far their mean may be off, by the ordinary variability of windows."""


def part_of(now: NumberSummary, past: NumberSummary, step: Step, conversion: Conversion) -> UnitPart | None:
    """Separate the rows of a window that may have been converted.

    If a share p of the rows lies d away from the others, the window's mean moves by p d, and its variance
    grows by p (1 - p) d^2. Both together give d and p. At least this many rows must be where the conversion
    puts them, and none further out than the rows of either kind.

    Args:
        now: The number in the window.
        past: The number in the recent windows.
        step: The ordinary step between a window and the windows before it.
        conversion: The conversion to try.

    Returns:
        The rows that look converted, or None if the conversion does not explain a part of the window.
    """
    away, moved = conversion.apply(past.mean) - past.mean, now.mean - past.mean
    share = moved / away if away else 0.0
    if not (0 < share < 1 and max(past.sd, now.sd) < _LARGEST):
        return None
    factor = abs(conversion.factor)
    within = past.sd**2 * (1 - share + share * factor**2)
    distance = moved + (now.sd**2 - within) / moved
    share = moved / distance if distance else 0.0
    if not _PART_ROWS_MIN <= share * now.usable <= now.usable - _PART_ROWS_MIN:
        return None
    varies = max(step.ratio_max, 1.0) ** 2 - 1
    margin = step.jump_max * (1 - share) * abs(2 - 1 / share) + varies * within / abs(moved)
    is_known = margin <= _KNOWN * abs(conversion.apply(past.mean))
    off, jumps = factor * step.jump_max + margin, step.jump_max * (MARGIN + factor)
    is_apart = abs(away) >= max(_APART * off, jumps)
    if not (is_known and is_apart and _are_there(now, past, share, conversion)):
        return None
    part = UnitPart(share, share * now.usable, past.mean + distance, factor * past.sd, margin)
    return part if _explains(now, past, part, step, conversion) else None


def _are_there(now: NumberSummary, past: NumberSummary, share: float, conversion: Conversion) -> bool:
    """Whether enough rows are in the bins that the conversion fills and that the past did not fill."""
    edges = np.array(past.shape.edges)
    was, converted = (
        np.diff(past.below(at), prepend=0.0, append=1.0)
        for at in (edges, (edges - conversion.offset) / conversion.factor)
    )
    there = converted > was
    of_converted = float(converted[there].sum())
    wanted = share * of_converted * now.usable
    return of_converted >= _THERE and float(now.bins[there].sum()) >= wanted - _SURE * sqrt(wanted)


def _explains(now: NumberSummary, past: NumberSummary, part: UnitPart, step: Step, to: Conversion) -> bool:
    """Whether the extremes are those of rows of both kinds: none further out, the converted far enough."""
    slack = step.jump_max * max(1.0, abs(to.factor))
    extremes = past.lowest, past.highest, to.apply(past.lowest), to.apply(past.highest)
    if now.lowest < min(extremes) - slack or now.highest > max(extremes) + slack:
        return False
    rises = part.mean > past.mean
    beyond = min(0.5, _BEYOND / part.usable)
    furthest = past.quantile(1 - beyond if rises == (to.factor > 0) else beyond)
    nearest = part.mean + to.factor * (furthest - past.mean) * step.ratio_min / MARGIN
    nearly = part.margin + step.jump_max
    return now.highest >= nearest - nearly if rises else now.lowest <= nearest + nearly
