"""The rows of a window that look converted, where others are as they were: as a window of their own."""

from math import sqrt
from typing import NamedTuple

import numpy as np

from watchkeeper.detectors.checks.quality.units import Conversion
from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.detectors.profiles.summaries import NumberSummary

_PART_ROWS_MIN = 5
"""The fewest rows of each unit for a part of the rows to be found in another unit."""
_THERE = 0.9
"""Of the rows that were converted so many must be in other bins than the rest."""
_APART = 3.0
"""So many times as far as the mean of the converted rows may be off they must be from the others."""
_KNOWN = 0.25
"""Of the converted mean it may be off, at most: or all that makes numbers much smaller would look alike."""
_BEYOND = 4.0
"""Where so many rows are expected beyond a value, one at least is there with 98 %."""
MARGIN = 1.25
"""How much further than ever seen a mean must be, and how much less a deviation may be."""
_LARGEST = 1e150
"""Squares of larger deviations are no numbers."""
_SURE = 3.0
"""Standard errors."""


class UnitPart(NamedTuple):
    """The rows that look converted by one conversion."""

    share: float
    """Of the window's rows."""
    usable: float
    mean: float
    sd: float
    """Taken for the converted one: what there is of it is in the window's deviation, with the distance."""
    doubt: float
    """How far the mean may be off, as windows ordinarily vary."""


def part_of(now: NumberSummary, past: NumberSummary, step: Step, conversion: Conversion) -> UnitPart | None:
    """Take apart a window of which some rows may have been converted; None if it can't be.

    Where a share p of the rows lies d away from the others, the window's mean moves by p d, and its variance
    grows by p (1 - p) d^2: so both say d, and p. So many rows at least must be where the conversion puts
    them, and none further out than the rows of either sort.
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
    doubt = step.jump_max * (1 - share) * abs(2 - 1 / share) + varies * within / abs(moved)
    is_known = doubt <= _KNOWN * abs(conversion.apply(past.mean))
    off, jumps = factor * step.jump_max + doubt, step.jump_max * (MARGIN + factor)
    is_apart = abs(away) >= max(_APART * off, jumps)
    if not (is_known and is_apart and _are_there(now, past, share, conversion)):
        return None
    part = UnitPart(share, share * now.usable, past.mean + distance, factor * past.sd, doubt)
    return part if _explains(now, past, part, step, conversion) else None


def _are_there(now: NumberSummary, past: NumberSummary, share: float, conversion: Conversion) -> bool:
    """Whether enough rows are in the bins to which the conversion takes the past, and where it was not."""
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
    """Whether the extremes are those of rows of both sorts: none further out, nor the converted too near."""
    slack = step.jump_max * max(1.0, abs(to.factor))
    extremes = past.lowest, past.highest, to.apply(past.lowest), to.apply(past.highest)
    if now.lowest < min(extremes) - slack or now.highest > max(extremes) + slack:
        return False
    rises = part.mean > past.mean
    beyond = min(0.5, _BEYOND / part.usable)
    furthest = past.quantile(1 - beyond if rises == (to.factor > 0) else beyond)
    nearest = part.mean + to.factor * (furthest - past.mean) * step.ratio_min / MARGIN
    nearly = part.doubt + step.jump_max
    return now.highest >= nearest - nearly if rises else now.lowest <= nearest + nearly
