"""Seasons: hours of the day or the week at which values are usually higher or lower."""

from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from watchkeeper.detectors.engine.bins import Codes
from watchkeeper.detectors.profiles.columns import Floats

Chosen = NDArray[np.bool_]
"""Whether each hour is chosen, of shape (hours,)."""
HOUR_MS = 3_600_000.0
"""One hour, in milliseconds."""
_CYCLES = (("day", 24, 4), ("week", 168, 3))
"""Name and length in hours of each cycle, and the least number of cycles in the reference.

The least numbers are chosen by hand: the two halves predict each other, so each needs at least one cycle.
"""
_GAIN = 0.02
"""Minimum share of a series' course over the cycle that one half must predict of the other.

A longer cycle must also predict more by this share. Chosen by hand: with less, noise becomes a season.
"""
_SURE = 3.0
"""Number of standard errors by which the two halves of the reference must correlate, beyond chance.

Without it noise had a season at times (commit 86141b7); with it at most 2 of 200 series of noise have one
(tests/detectors/engine/test_series.py).
"""
_TINY = 1e-12
"""Minimum sum of squares that is divided by. It avoids a division by 0."""


class Season(Struct, frozen=True):
    """The usual mean of each score in each hour of a cycle."""

    name: str
    """`day` or `week`."""
    hours: int
    """Length of the cycle in hours."""
    means: list[list[float]]
    """The means, of shape (hours, series); all 0 for a series without a season."""

    def expected(self, times_ms: Floats) -> Floats:
        """Return the usual mean of each series at each time, of shape (rows, series).

        Args:
            times_ms: Times in milliseconds since 1970, of shape (rows,).
        """
        usual: Floats = np.array(self.means)[phase(times_ms, self.hours)]
        return usual


def find(hourly: "Hourly") -> Season | None:
    """Find the cycle, a day or a week, that best predicts the hourly means; None if neither does.

    Every other cycle of the reference predicts the rest, and the reverse: what does not repeat cannot win. A
    series has no season if less than 2 % of its course over a cycle is predicted, or if the halves are alike
    by chance. The cycle that predicts more of the hours is taken. Cost: linear in hours.

    Args:
        hourly: Hourly sums of the scores.

    >>> hours = np.arange(24.0 * 20)
    >>> noise, day = np.random.default_rng(1).normal(size=(480, 1)), np.sin(hours * np.pi / 12)[:, None]
    >>> ones = np.ones(480)
    >>> find(Hourly(hours, noise, ones)) is None, find(Hourly(hours, noise + day, ones)).name
    (True, 'day')
    """
    found: tuple[float, Season] | None = None
    mean = hourly.sums.sum(axis=0) / hourly.rows.sum()
    hourly = hourly._replace(sums=hourly.sums - hourly.rows[:, None] * mean)  # a constant has no season
    hours = np.maximum((hourly.sums**2 / hourly.rows[:, None]).sum(axis=0), _TINY)
    for name, length, least in _CYCLES:
        if hourly.hours[-1] - hourly.hours[0] < least * length:
            continue
        course, predicted, alike, means = _gains(hourly, length)
        kept = (predicted > _GAIN * course) & (alike > _SURE / np.sqrt(length))
        gain = float((np.maximum(predicted, 0.0) / hours)[kept].sum())
        if kept.any() and (found is None or gain > found[0] * (1 + _GAIN)):
            found = gain, Season(name, length, np.where(kept, means, 0.0).tolist())
    return found[1] if found else None


class Hourly(NamedTuple):
    """Sums of scores in each hour that has rows."""

    hours: Floats
    """Hours since 1970, in order, of shape (hours,)."""
    sums: Floats
    """Sums of the scores, of shape (hours, series)."""
    rows: Floats
    """Number of rows, of shape (hours,)."""


def _gains(hourly: Hourly, length: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Measure how well the halves of the reference predict each other's course over a cycle.

    Returns, for each series: the sum of squares of the course; what the halves predict of it; the correlation
    of the halves; and the course itself, of shape (length, series). Sums of squares are over rows, so what is
    predicted of the course is predicted of the hours, too.
    """
    phases, odd = (hourly.hours % length).astype(np.intp), (hourly.hours // length).astype(np.intp) % 2
    halves = [_phased(hourly, phases, odd == half, length) for half in (0, 1)]
    before = after = np.zeros(hourly.sums.shape[1])
    for mine, other in (halves, halves[::-1]):
        predicted = other[0] / (other[1] + 1)
        seen, rows = mine[0] / np.maximum(mine[1], 1), mine[1]
        before = before + (rows * seen**2).sum(axis=0)
        after = after + (rows * (seen - predicted) ** 2).sum(axis=0)
    total = halves[0][0] + halves[1][0], halves[0][1] + halves[1][1]
    first, second = (sums / np.sqrt(np.maximum(rows, 1)) for sums, rows in halves)
    alike = (first * second).sum(axis=0) / np.maximum(
        np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0)), _TINY
    )
    return np.maximum(before, _TINY), before - after, alike, total[0] / (total[1] + 1)


def _phased(hourly: Hourly, phases: Codes, chosen: Chosen, length: int) -> tuple[Floats, Floats]:
    """Sum the chosen hours by phase: scores of shape (length, series), rows of shape (length, 1)."""
    phases = phases[chosen]
    sums = [np.bincount(phases, each, minlength=length) for each in hourly.sums[chosen].T]
    rows = np.bincount(phases, hourly.rows[chosen], minlength=length)
    return np.stack(sums, axis=1), rows[:, None].astype(float)


def phase(times_ms: Floats, hours: int) -> Codes:
    """Return the hour of the cycle at each time, of shape (rows,).

    Args:
        times_ms: Times in milliseconds since 1970, of shape (rows,).
        hours: Length of the cycle in hours.
    """
    phases: Codes = (np.floor(times_ms / HOUR_MS) % hours).astype(np.intp)
    return phases
