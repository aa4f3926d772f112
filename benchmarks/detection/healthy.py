"""Healthy streams whose rows are dependent or oddly distributed. Every alarm on them is false."""

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
    """One kind of healthy stream. Its reference covers several periods if it is periodic."""

    name: str
    draw: Callable[[np.random.Generator, int], Floats]
    reference_rows: int
    every_ms: int | None = None
    """Milliseconds between rows; None if the stream has no times. The first row is at `MONDAY_MS`."""


def seasonal_errors(rng: np.random.Generator, rows: int) -> Floats:
    """Draw errors whose rate oscillates between .08 and .12, with a period of 20,000 rows."""
    rate = 0.10 + 0.02 * np.sin(2 * np.pi * np.arange(rows) / 20_000)
    return (rng.random(rows) < rate).astype(np.float64)


def bursty_errors(rng: np.random.Generator, rows: int) -> Floats:
    """Draw errors at rate .25 in bursts of 200 rows on average, .05 in the 600 between, and .10 overall."""
    rate = np.where(_switching(rng, rows, 200, 600), 0.25, 0.05)
    return (rng.random(rows) < rate).astype(np.float64)


def autoregressive(correlation: float) -> Callable[[np.random.Generator, int], Floats]:
    """Return a function that draws a Gaussian AR(1) process of mean 0 and variance 1."""

    def draw(rng: np.random.Generator, rows: int) -> Floats:
        shocks = rng.normal(0, np.sqrt(1 - correlation**2), rows)
        shocks[0] = rng.normal()
        values: Floats = lfilter([1.0], [1.0, -correlation], shocks)
        return values

    return draw


def daily_and_weekly(rng: np.random.Generator, rows: int) -> Floats:
    """Draw a value per minute: a daily cycle of amplitude 0.5, weekends lower by 0.5, and noise of sd 1."""
    minute = np.arange(rows)
    daily = 0.5 * np.sin(2 * np.pi * minute / DAY_ROWS)
    weekend = -0.5 * (minute // DAY_ROWS % 7 >= 5)
    return daily + weekend + rng.normal(size=rows)


def square_wave(rng: np.random.Generator, rows: int) -> Floats:
    """Draw values around -0.25 and 0.25, alternating every 5000 rows, with noise of sd 1."""
    return np.where(np.arange(rows) % 10_000 < 5000, -0.25, 0.25) + rng.normal(size=rows)


def heavy_tailed(rng: np.random.Generator, rows: int) -> Floats:
    """Draw Student's t with 2 degrees of freedom, whose variance is infinite."""
    return rng.standard_t(2, rows)


def rounded(rng: np.random.Generator, rows: int) -> Floats:
    """Draw normal values rounded to integers, so that nearly all are ties."""
    return rng.normal(size=rows).round()


def telegraph(rng: np.random.Generator, rows: int) -> Floats:
    """Draw values around -1 or 1 that switch after 300 rows on average, with noise of sd 0.5."""
    return np.where(_switching(rng, rows, 300, 300), 1.0, -1.0) + rng.normal(0, 0.5, rows)


def slow_variance(rng: np.random.Generator, rows: int) -> Floats:
    """Draw normal values whose log sd is an AR(1) process of sd 0.25 with a memory of 2000 rows."""
    memory = 1 - 1 / 2000
    return rng.normal(size=rows) * np.exp(0.25 * autoregressive(memory)(rng, rows))


def sessions(rng: np.random.Generator, rows: int) -> Floats:
    """Draw users one after another, with 20 rows each on average around the user's own mean."""
    lengths = rng.geometric(1 / 20, rows // 5)
    return np.repeat(rng.normal(size=len(lengths)), lengths)[:rows] + 0.6 * rng.normal(size=rows)


def volatile(rng: np.random.Generator, rows: int) -> Floats:
    """Draw a GARCH(1, 1) process: calm and volatile periods, as in market returns."""
    values, variance = rng.normal(size=rows), 1.0
    for row in range(rows):
        values[row] *= np.sqrt(variance)
        variance = 0.02 + 0.06 * values[row] ** 2 + 0.92 * variance
    return values


def counts_in_bursts(rng: np.random.Generator, rows: int) -> Floats:
    """Draw Poisson counts around 3 whose log rate is an AR(1) process of sd 0.4 and memory 100 rows."""
    return rng.poisson(3 * np.exp(0.4 * autoregressive(1 - 1 / 100)(rng, rows))).astype(np.float64)


def mostly_zero(rng: np.random.Generator, rows: int) -> Floats:
    """Draw non-negative amounts of which 70 % are 0."""
    return np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2, 3, rows).round(1))


def long_memory(rng: np.random.Generator, rows: int) -> Floats:
    """Draw fractional Gaussian noise with Hurst's exponent .7 (Davies and Harte, 1987)."""
    lags = np.arange(rows, dtype=float)
    covariance = ((lags + 1) ** 1.4 - 2 * lags**1.4 + np.abs(lags - 1) ** 1.4) / 2
    spectrum = np.fft.fft(np.concatenate((covariance, [0.0], covariance[:0:-1]))).real
    noise = rng.normal(size=2 * rows) + 1j * rng.normal(size=2 * rows)
    values: Floats = np.fft.fft(np.sqrt(np.maximum(spectrum, 0.0) / (2 * rows)) * noise).real[:rows]
    return values


def slow_wander(rng: np.random.Generator, rows: int) -> Floats:
    """Draw values whose mean is an AR(1) process of sd 0.5 and memory 5000 rows, 1/20 of the reference."""
    return rng.normal(size=rows) + 0.5 * autoregressive(1 - 1 / 5000)(rng, rows)


def _switching(rng: np.random.Generator, rows: int, on_mean: int, off_mean: int) -> np.ndarray:
    """Draw a Markov chain of two states from its stationary distribution."""
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
        Healthy("sessions", sessions, 20_000),
        Healthy("volatile", volatile, 50_000),
        Healthy("counts in bursts", counts_in_bursts, 20_000),
        Healthy("mostly zero", mostly_zero, 20_000),
        Healthy("long memory", long_memory, 50_000),
        Healthy("slow wander", slow_wander, 100_000),
    )
}
