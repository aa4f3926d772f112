"""Variability: how much the means of scores vary in the reference, scale by scale.

The rows of a healthy stream may depend on each other, and their mean may change slowly. Both make the mean of
a block of rows vary more than that of independent rows. The engine measures this in the reference, over
blocks of 16, 32, 64, ... rows, and does not count the same variability in the stream as a change. It has
three measures:

- Inflation: the number of rows that carry as much information as one independent row.
- Drift allowance: how far the mean of a healthy score may drift, in standard deviations of the score.
- Variance allowance: how far the variance of a healthy score may rise above 1.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import factorial, gammainccinv

from watchkeeper.detectors.engine.series import Series, chunks
from watchkeeper.detectors.profiles.columns import Floats

BLOCK = 16
"""Number of rows in a block of the shortest scale. Chosen by hand: shorter blocks cost more and see shorter
bursts."""
_BLOCKS_MIN = 8
"""Minimum number of blocks of a scale that is measured. Chosen by hand: fewer give a poor estimate of a
variance."""
_CHANCE = 0.001
"""Probability, at each scale, that independent rows look dependent.

With it 0.9 % of references of 10,000 independent rows look dependent at any scale (commit 27a9a5f).
"""
_UPPER = 2.0
"""Number of standard errors by which the inflation is raised above its estimate. Chosen by hand: more lowers
the number of false alarms and lengthens the delay on dependent rows."""
_TREND = 2.0
"""Number of standard errors by which the variance of block means must exceed Allan's variance to count as
drift.

Chosen by hand: with more, a short reference of a stream that drifts gets no drift allowance.
"""
_AMPLITUDE = 3.0
"""Drift allowance, in standard deviations of the drift. Chosen by hand: three standard deviations hold nearly
all of a normal variable."""
_TINY = 1e-300
"""Minimum variance that is divided by. It avoids a division by 0."""
_SPREAD_BURSTS = 0.25
"""Weight, in the geometric mean that slows the bets on the spread, of the column's largest inflation.

Half of the weight for skew and tails. Chosen with the benchmark's streams `sessions`, `counts in bursts` and
`slow wander` (docs/explanation/detection.md).
"""
_BEYOND = 1.6
"""Factor between the furthest mean that the reference shows and the furthest that the stream may have.

Raised from 1.25 because the benchmark's stream `slow variance` raised 12 alarms in 300,000 rows where 3 were
allowed (commit f8da6e7).
"""


class Variability(NamedTuple):
    """The variability of scores at each scale. Each array has the shape (scales, series)."""

    inflation: Floats
    """Number of rows that carry as much information as one independent row; at least 1."""
    drift_allowance: Floats
    """How far the mean of a block may drift beyond its noise, in standard deviations of the score."""
    variance_allowance: Floats
    """How far the variance within a block may rise above 1."""


def of_independent(series: int) -> Variability:
    """Return the variability of independent rows of one distribution.

    Args:
        series: Number of scores.

    Returns:
        One scale, with an inflation of 1 and no allowances; arrays of shape (1, series).
    """
    return Variability(np.ones((1, series)), np.zeros((1, series)), np.zeros((1, series)))


def measure_variability(series: Series) -> Variability:
    """Measure the variability of scores in order of time.

    At a scale of B rows, with x_k the mean of block k, the inflation is B times Allan's variance,
    mean((x_{k+1} - x_k)^2) / 2. Slow drift cancels out of it. The inflation of a scale is the largest of all
    scales up to this one, at its upper bound; it is 1 where chance explains it. If it still rises at the
    longest scale, the rise is assumed to continue.

    The drift allowance is 3 sqrt(var(x) - Allan's variance), at most 1.6 times the largest |x_k|; the factor
    is larger than 3 where that largest value is further out. It is 0 unless von Neumann's ratio of the two
    variances rules out chance. It is at least that of longer scales, whose means have less noise.

    Short scales have a small inflation and a large drift allowance; long scales the reverse.

    Cost: linear in rows. Sources: Allan (1966), Statistics of atomic frequency standards; von Neumann (1941),
    Distribution of the ratio of the mean square successive difference to the variance.

    Args:
        series: Scores of mean 0 and variance 1, of shape (rows, series).

    Returns:
        The variability, arrays of shape (scales, series).

    >>> independent = np.random.default_rng(1).normal(size=(10_000, 1))
    >>> found = measure_variability(independent)
    >>> float(found.inflation.max()), float(found.drift_allowance.max())
    (1.0, 0.0)
    >>> bursts = np.repeat(independent[:100], 100, axis=0)  # each value a hundred times
    >>> bool(measure_variability(bursts).inflation.max() > 50)
    True
    """
    means, squares, variance = _blocks(series)
    inflation, drift_allowance = _scales(means)
    size = np.sqrt(variance)
    _, variance_allowance = _scales((squares - squares.mean(axis=0)) / np.where(size > 0, size, 1.0))
    return Variability(inflation, drift_allowance, variance_allowance * size)


def _blocks(series: Series) -> tuple[Floats, Floats, Floats]:
    """Return the block means of the scores and of their squares, and the variance of the squares."""
    means, squares, fourth, square = [], [], 0.0, 0.0
    for _, scores in chunks(series):
        means.append(_averaged(scores, BLOCK))
        scores = scores**2
        squares.append(_averaged(scores, BLOCK))
        square = square + scores.sum(axis=0)
        fourth = fourth + np.einsum("ij,ij->j", scores, scores)
    mean = square / len(series)
    return np.concatenate(means), np.concatenate(squares), np.maximum(fourth / len(series) - mean**2, 0.0)


def _scales(means: Floats) -> tuple[Floats, Floats]:
    """Return the inflation and the drift allowance of block means, then of means of 2, 4, ... blocks."""
    rows = BLOCK
    inflation = np.ones(means.shape[1])
    scales = []
    while len(means) >= _BLOCKS_MIN:
        allan = np.mean(np.diff(means, axis=0) ** 2, axis=0) / 2
        error = np.sqrt(3 / len(means))
        depends = rows * allan > _by_chance(len(means))
        upper = rows * allan * (1 + _UPPER * error)
        inflation = np.where(depends, np.maximum(inflation, upper), inflation)
        scales.append((inflation, _drift_allowance(means, np.maximum(allan, 1 / rows))))
        means, rows = _averaged(means, 2), rows * 2
    if not scales:
        return np.ones((1, means.shape[1])), np.zeros((1, means.shape[1]))
    inflations = np.array([scale[0] for scale in scales])
    rise = inflations[-1] / inflations[max(0, len(scales) - 2)]
    # A dependence that shows at the last scale only has no rise to continue.
    inflations[-1] *= np.where(rise < inflations[-1], rise, 1.0) ** 2
    allowances = np.array([scale[1] for scale in scales])
    return inflations, np.maximum.accumulate(allowances[::-1], axis=0)[::-1]


def _by_chance(blocks: int) -> float:
    """Return the multiple of the true value that Allan's variance of independent blocks hardly exceeds.

    It is distributed about as chi-squared with 2 (n - 1)^2 / (3 n - 4) degrees of freedom: Allan (1966).
    """
    half = (blocks - 1) ** 2 / (3 * blocks - 4)
    return float(gammainccinv(half, _CHANCE) / half)


def with_bursts(variability: Variability, first: int) -> Variability:
    """Raise the inflation of the scores of shape to what the other scores of their column suggest.

    If values depend on each other, skew and tails change in rare bursts, when the values happen to be far
    out. A reference shows too few of those. So the inflation of skew and tails is the geometric mean of their
    own and of the largest in the column. The spread, if its rows depend on each other, gets half of that
    correction.

    Args:
        variability: The variability of the scores of one column, of shape (scales, scores).
        first: Index of the first score of shape (skew).

    Returns:
        The variability with the raised inflation.
    """
    inflation = variability.inflation
    score = np.arange(inflation.shape[1])
    burst = np.where(score >= first, 0.5, np.where((score > 0) & (inflation > 1), _SPREAD_BURSTS, 0.0))
    largest = inflation.max(axis=1, keepdims=True)
    return variability._replace(inflation=inflation ** (1 - burst) * largest**burst)


def with_powers(variability: Variability) -> Variability:
    """Raise the variability of spread, skew and tails to what that of the mean and the spread implies.

    If the mean of normal values moves by d, the mean of the orthonormal Hermite polynomial of degree k moves
    by d^k / sqrt(k!). Mostly that is less than the mean moves. At its furthest, which a reference seldom
    shows, it is more. If the variance rises by a factor of 1 + d sqrt(2), the score of tails moves by sqrt(3
    / 2) d^2.

    If successive values have the correlation r, successive scores of degree k have the correlation r^k
    (Mehler's formula). From scale to scale, r is the rise of the mean's inflation divided by twice the number
    of rows added. The inflation of the score of degree k rises by at least r^(k - 1) times the rise of the
    mean's.

    Args:
        variability: The variability of the scores of one column of numbers, in order of degree, of shape
            (scales, scores).

    Returns:
        The variability with the raised inflation and drift allowance.
    """
    allowance = variability.drift_allowance
    degree = np.arange(1, allowance.shape[1] + 1)
    raised = np.maximum(allowance, allowance[:, :1] ** degree / np.sqrt(factorial(degree)))
    raised[:, 3:] = np.maximum(raised[:, 3:], np.sqrt(1.5) * allowance[:, 1:2] ** 2)
    rises = np.diff(variability.inflation[:, :1], axis=0, prepend=1.0)
    lags = BLOCK * 2.0 ** np.maximum(0, np.arange(len(rises)) - 1)
    correlation = np.minimum(1.0, rises / (2 * lags[:, None]))
    implied = 1 + np.cumsum(rises * correlation ** (degree - 1), axis=0)
    inflation = np.maximum(variability.inflation, implied)
    return variability._replace(drift_allowance=raised, inflation=inflation)


def _averaged(means: Floats, by: int) -> Floats:
    """Return the means of each `by` successive rows; rows that fill no block are dropped."""
    blocks = len(means) // by
    averaged: Floats = means[: blocks * by].reshape(blocks, by, -1).mean(axis=1)
    return averaged


def _drift_allowance(means: Floats, allan: Floats) -> Floats:
    """Return how far block means may drift; 0 where their variance does not exceed Allan's variance."""
    variance = means.var(axis=0)
    drifts = variance * (1 - _TREND / np.sqrt(len(means))) > allan
    furthest = _BEYOND * np.abs(means - means.mean(axis=0)).max(axis=0)
    deviations = np.maximum(_AMPLITUDE, furthest / np.sqrt(np.maximum(variance, _TINY)))
    amplitude = deviations * np.sqrt(np.maximum(variance - allan, 0.0))
    allowance: Floats = np.where(drifts, np.minimum(amplitude, furthest), 0.0)
    return allowance
