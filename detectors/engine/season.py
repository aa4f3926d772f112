"""Times of the day and the week at which values are ordinarily higher or lower."""

from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from watchkeeper.detectors.engine.bins import Codes
from watchkeeper.detectors.profiles.columns import Floats

Chosen = NDArray[np.bool_]
HOUR_MS = 3_600_000.0
_CYCLES = (("day", 24, 4), ("week", 168, 3))
"""Name, hours, and how many must be in the reference."""
_GAIN = 0.02
"""The least share that must be foretold; and by how much a longer cycle must be better."""
_SURE = 3.0
"""Standard errors by which the halves must be alike, beyond chance."""
_TINY = 1e-12


class Season(Struct, frozen=True):
    """What the mean of each score ordinarily is in each hour of a cycle."""

    name: str
    hours: int
    means: list[list[float]]
    """[hours, series]; all 0 for a series without a season."""

    def expected(self, times_ms: Floats) -> Floats:
        """Give the ordinary mean of each series at each time. [rows, series]."""
        ordinary: Floats = np.array(self.means)[phase(times_ms, self.hours)]
        return ordinary


def find(hourly: "Hourly") -> Season | None:
    """Find the cycle, a day or a week, that foretells the hourly means best; None where neither does.

    Every other cycle of the reference is foretold from the rest, and the reverse: what does not repeat can
    not win. A series has no season where less than 2 % of its ordinary course over a cycle is foretold, and
    none if the halves are alike by chance. The cycle that foretells more of the hours is taken. Cost: linear.

    >>> hours = np.arange(24.0 * 20)
    >>> noise, day = np.random.default_rng(1).normal(size=(480, 1)), np.sin(hours * np.pi / 12)[:, None]
    >>> ones = np.ones(480)
    >>> find(Hourly(hours, noise, ones)) is None, find(Hourly(hours, noise + day, ones)).name
    (True, 'day')
    """
    found: tuple[float, Season] | None = None
    mean = hourly.sums.sum(axis=0) / hourly.rows.sum()
    hourly = hourly._replace(sums=hourly.sums - hourly.rows[:, None] * mean)  # what is constant has no season
    hours = np.maximum((hourly.sums**2 / hourly.rows[:, None]).sum(axis=0), _TINY)
    for name, length, least in _CYCLES:
        if hourly.hours[-1] - hourly.hours[0] < least * length:
            continue
        course, told, alike, means = _gains(hourly, length)
        kept = (told > _GAIN * course) & (alike > _SURE / np.sqrt(length))
        gain = float((np.maximum(told, 0.0) / hours)[kept].sum())
        if kept.any() and (found is None or gain > found[0] * (1 + _GAIN)):
            found = gain, Season(name, length, np.where(kept, means, 0.0).tolist())
    return found[1] if found else None


class Hourly(NamedTuple):
    """What scores sum up to in each hour that has rows."""

    hours: Floats
    """Since 1970, in order."""
    sums: Floats
    """[hours, series]."""
    rows: Floats


def _gains(hourly: Hourly, length: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the squares of the ordinary course of a cycle, what each half foretells of the other, and it.

    Squares are summed up over rows; what is foretold of the course is so of the hours, too. Before the course
    comes how alike both halves are, as a correlation.
    """
    phases, odd = (hourly.hours % length).astype(np.intp), (hourly.hours // length).astype(np.intp) % 2
    halves = [_phased(hourly, phases, odd == half, length) for half in (0, 1)]
    before = after = np.zeros(hourly.sums.shape[1])
    for mine, other in (halves, halves[::-1]):
        told = other[0] / (other[1] + 1)
        seen, rows = mine[0] / np.maximum(mine[1], 1), mine[1]
        before = before + (rows * seen**2).sum(axis=0)
        after = after + (rows * (seen - told) ** 2).sum(axis=0)
    total = halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]
    first, second = (sums / np.sqrt(np.maximum(rows, 1)) for sums, rows in halves)
    alike = (first * second).sum(axis=0) / np.maximum(
        np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0)), _TINY
    )
    return np.maximum(before, _TINY), before - after, alike, total[0] / (total[1] + 1)


def _phased(hourly: Hourly, phases: Codes, chosen: Chosen, length: int) -> tuple[Floats, Floats]:
    """Sum up the chosen hours by phase: scores [length, series], and rows [length, 1]."""
    phases = phases[chosen]
    sums = [np.bincount(phases, each, minlength=length) for each in hourly.sums[chosen].T]
    rows = np.bincount(phases, hourly.rows[chosen], minlength=length)
    return np.stack(sums, axis=1), rows[:, None].astype(float)


def phase(times_ms: Floats, hours: int) -> Codes:
    """Give the hour of a cycle of so many hours."""
    phases: Codes = (np.floor(times_ms / HOUR_MS) % hours).astype(np.intp)
    return phases
