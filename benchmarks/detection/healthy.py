"""Streams that are healthy but not independent, or not of a tame shape: every alarm on them is false."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from benchmarks.detection.contestant import Floats

DAY_ROWS = 1440
MONDAY_MS = 1_767_571_200_000
"""2026-01-05, a Monday."""
MINUTE_MS = 60_000


class Healthy(NamedTuple):
    """One shape, and how much of it is the reference: several periods where it has any."""

    name: str
    draw: Callable[[np.random.Generator, int], Floats]
    reference_rows: int
    every_ms: int | None = None
    """From row to row, for those that have a clock; the first row is at `MONDAY_MS`."""


def seasonal_errors(rng: np.random.Generator, rows: int) -> Floats:
    """Draw wrong answers whose rate swings between .08 and .12 within 20,000 rows."""
    rate = 0.10 + 0.02 * np.sin(2 * np.pi * np.arange(rows) / 20_000)
    return (rng.random(rows) < rate).astype(np.float64)


def bursty_errors(rng: np.random.Generator, rows: int) -> Floats:
    """Draw wrong answers: .25 in bursts of 200 rows on average, .05 in the 600 between, .10 in all."""
    rate = np.where(_switching(rng, rows, 200, 600), 0.25, 0.05)
    return (rng.random(rows) < rate).astype(np.float64)


def autoregressive(correlation: float) -> Callable[[np.random.Generator, int], Floats]:
    """Return a draw of a Gaussian AR(1) of mean 0 and variance 1."""

    def draw(rng: np.random.Generator, rows: int) -> Floats:
        shocks = rng.normal(0, np.sqrt(1 - correlation**2), rows)
        shocks[0] = rng.normal()
        values: Floats = lfilter([1.0], [1.0, -correlation], shocks)
        return values

    return draw


def daily_and_weekly(rng: np.random.Generator, rows: int) -> Floats:
    """Draw one value a minute: a daily swing of 0.5 and weekends that are 0.5 lower, with noise of 1."""
    minute = np.arange(rows)
    daily = 0.5 * np.sin(2 * np.pi * minute / DAY_ROWS)
    weekend = -0.5 * (minute // DAY_ROWS % 7 >= 5)
    return daily + weekend + rng.normal(size=rows)


def square_wave(rng: np.random.Generator, rows: int) -> Floats:
    """Draw values around -0.25 for 5000 rows, around 0.25 for the next 5000, and so on, with noise of 1."""
    return np.where(np.arange(rows) % 10_000 < 5000, -0.25, 0.25) + rng.normal(size=rows)


def heavy_tailed(rng: np.random.Generator, rows: int) -> Floats:
    """Draw Student's t with 2 degrees of freedom, whose variance is infinite."""
    return rng.standard_t(2, rows)


def rounded(rng: np.random.Generator, rows: int) -> Floats:
    """Draw normal values that were rounded to whole numbers, so that nearly all are ties."""
    return rng.normal(size=rows).round()


def telegraph(rng: np.random.Generator, rows: int) -> Floats:
    """Draw values around -1 or 1, 300 rows on average before they switch, with noise of 0.5."""
    return np.where(_switching(rng, rows, 300, 300), 1.0, -1.0) + rng.normal(0, 0.5, rows)


def slow_variance(rng: np.random.Generator, rows: int) -> Floats:
    """Draw normal values whose log standard deviation wanders by 0.25, with a memory of 2000 rows."""
    memory = 1 - 1 / 2000
    return rng.normal(size=rows) * np.exp(0.25 * autoregressive(memory)(rng, rows))


def _switching(rng: np.random.Generator, rows: int, on_mean: int, off_mean: int) -> np.ndarray:
    """Draw a Markov chain of two states, begun as it is on average."""
    on = bool(rng.random() < on_mean / (on_mean + off_mean))
    lengths, states = [], []
    while sum(lengths) < rows:
        lengths.append(int(rng.geometric(1 / (on_mean if on else off_mean))))
        states.append(on)
        on = not on
    return np.repeat(states, lengths)[:rows]


HEALTHY = {
    healthy.name: healthy
    for healthy in (
        Healthy("seasonal errors", seasonal_errors, 100_000),
        Healthy("bursty errors", bursty_errors, 50_000),
        Healthy("AR(1) .5", autoregressive(0.5), 20_000),
        Healthy("AR(1) .9", autoregressive(0.9), 20_000),
        Healthy("daily and weekly", daily_and_weekly, 4 * 7 * DAY_ROWS, MINUTE_MS),
        Healthy("square wave", square_wave, 60_000),
        Healthy("heavy tails", heavy_tailed, 20_000),
        Healthy("rounded", rounded, 20_000),
        Healthy("telegraph", telegraph, 50_000),
        Healthy("slow variance", slow_variance, 100_000),
    )
}
