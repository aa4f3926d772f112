"""How far means of the reference wander, scale by scale: what dependence and slow change do in health."""

from typing import NamedTuple

import numpy as np
from scipy.special import factorial, gammainccinv

from watchkeeper.detectors.engine.series import Series, chunks
from watchkeeper.detectors.profiles.columns import Floats

BLOCK = 16
"""Rows of the shortest scale."""
_BLOCKS_MIN = 8
"""A scale with fewer blocks tells nothing."""
_CHANCE = 0.001
"""How seldom chance may look like dependence, at each scale."""
_UPPER = 2.0
_TREND = 2.0
_AMPLITUDE = 3.0
_TINY = 1e-300
_SPREAD_BURSTS = 0.25
_BEYOND = 1.6
"""How much further than ever seen the stream may wander."""


class Wander(NamedTuple):
    """What was seen at each scale: [scales, series]."""

    inflation: Floats
    """How many rows say as much as one independent row; at least 1."""
    reach: Floats
    """How far the means of blocks wander beyond their noise."""
    swell: Floats
    """How far the variance within blocks rises above 1 at times."""


def calm(series: int) -> Wander:
    """Give what independent rows of one distribution show."""
    return Wander(np.ones((1, series)), np.zeros((1, series)), np.zeros((1, series)))


def measure(series: Series) -> Wander:
    """Measure scores in order of time, [rows, series], of mean 0 and variance 1.

    At a scale of B rows, with x_k the mean of block k: the inflation is B times Allan's variance
    mean((x_{k+1} - x_k)^2) / 2, which slow wander cancels out of: the largest of all scales up to this one,
    at its upper bound, and 1 where chance explains it. What still rises at the longest scale goes on. The
    reach is 3 sqrt(var(x) - Allan's variance), at most the largest |x_k| and a quarter, where von Neumann's
    ratio of the two rules out chance; at least that of longer scales, in whose means there is less noise.
    Short scales see noise as short and wander as long; long ones the reverse.

    Cost: linear. Sources: Allan (1966), Statistics of atomic frequency standards; von Neumann (1941),
    Distribution of the ratio of the mean square successive difference to the variance.

    >>> independent = np.random.default_rng(1).normal(size=(10_000, 1))
    >>> float(measure(independent).inflation.max()), float(measure(independent).reach.max())
    (1.0, 0.0)
    >>> bursts = np.repeat(independent[:100], 100, axis=0)  # each value a hundred times
    >>> bool(measure(bursts).inflation.max() > 50)
    True
    """
    means, squares, variance = _blocks(series)
    inflation, reach = _scales(means)
    size = np.sqrt(variance)
    _, swell = _scales((squares - squares.mean(axis=0)) / np.where(size > 0, size, 1.0))
    return Wander(inflation, reach, swell * size)


def _blocks(series: Series) -> tuple[Floats, Floats, Floats]:
    """Give the means of scores and of their squares over blocks, and the variance of the squares."""
    means, squares, fourth, square = [], [], 0.0, 0.0
    for _, scores in chunks(series):
        means.append(_halved(scores, BLOCK))
        scores = scores**2
        squares.append(_halved(scores, BLOCK))
        square = square + scores.sum(axis=0)
        fourth = fourth + np.einsum("ij,ij->j", scores, scores)
    mean = square / len(series)
    return np.concatenate(means), np.concatenate(squares), np.maximum(fourth / len(series) - mean**2, 0.0)


def _scales(means: Floats) -> tuple[Floats, Floats]:
    """Look at means of blocks, then of two, four, ... of them together."""
    rows = BLOCK
    inflation = np.ones(means.shape[1])
    scales = []
    while len(means) >= _BLOCKS_MIN:
        allan = np.mean(np.diff(means, axis=0) ** 2, axis=0) / 2
        error = np.sqrt(3 / len(means))
        depends = rows * allan > _by_chance(len(means))
        upper = rows * allan * (1 + _UPPER * error)
        inflation = np.where(depends, np.maximum(inflation, upper), inflation)
        scales.append((inflation, _reach(means, np.maximum(allan, 1 / rows))))
        means, rows = _halved(means, 2), rows * 2
    if not scales:
        return np.ones((1, means.shape[1])), np.zeros((1, means.shape[1]))
    inflations = np.array([scale[0] for scale in scales])
    rise = inflations[-1] / inflations[max(0, len(scales) - 2)]
    inflations[-1] *= np.where(rise < inflations[-1], rise, 1.0) ** 2  # else it has only just shown
    reaches = np.array([scale[1] for scale in scales])
    return inflations, np.maximum.accumulate(reaches[::-1], axis=0)[::-1]


def _by_chance(blocks: int) -> float:
    """Give what Allan's variance of so many independent blocks hardly exceeds, as a multiple of the true one.

    It is distributed about as chi-squared with 2 (n - 1)^2 / (3 n - 4) degrees of freedom: Allan (1966).
    """
    half = (blocks - 1) ** 2 / (3 * blocks - 4)
    return float(gammainccinv(half, _CHANCE) / half)


def with_bursts(wander: Wander, first: int) -> Wander:
    """Slow the scores from the `first` on by what the others of their column wander, too.

    Where values depend on each other, skew and tails do so in rare bursts, when the values happen to be far
    out: a reference shows too few of those. Their inflation is the geometric mean of their own and of the
    largest in the column. Those before them, the spread, come half as far, once they depend at all.
    """
    inflation = wander.inflation
    score = np.arange(inflation.shape[1])
    burst = np.where(score >= first, 0.5, np.where((score > 0) & (inflation > 1), _SPREAD_BURSTS, 0.0))
    largest = inflation.max(axis=1, keepdims=True)
    return wander._replace(inflation=inflation ** (1 - burst) * largest**burst)


def with_powers(wander: Wander) -> Wander:
    """Let spread, skew and tails wander as much as they must when the mean and the spread do.

    Where normal values move by d, the orthonormal polynomial of Hermite of degree k moves by d^k / sqrt(k!):
    mostly by less than the mean, and at its furthest, which a reference seldom shows, by more. Where their
    variance rises by a factor of 1 + d sqrt(2), the score of tails moves by sqrt(3 / 2) d^2. Where they
    correlate by r from row to row, it does by r^k (Mehler's formula): what the mean's inflation rises by
    from scale to scale, divided by twice the rows that come in, is r, and its r^(k - 1)th part is the rise
    of that of degree k.
    """
    degree = np.arange(1, wander.reach.shape[1] + 1)
    reach = np.maximum(wander.reach, wander.reach[:, :1] ** degree / np.sqrt(factorial(degree)))
    reach[:, 3:] = np.maximum(reach[:, 3:], np.sqrt(1.5) * wander.reach[:, 1:2] ** 2)
    rises = np.diff(wander.inflation[:, :1], axis=0, prepend=1.0)
    lags = BLOCK * 2.0 ** np.maximum(0, np.arange(len(rises)) - 1)
    correlation = np.minimum(1.0, rises / (2 * lags[:, None]))
    implied = 1 + np.cumsum(rises * correlation ** (degree - 1), axis=0)
    return wander._replace(reach=reach, inflation=np.maximum(wander.inflation, implied))


def _halved(means: Floats, by: int) -> Floats:
    blocks = len(means) // by
    averaged: Floats = means[: blocks * by].reshape(blocks, by, -1).mean(axis=1)
    return averaged


def _reach(means: Floats, allan: Floats) -> Floats:
    variance = means.var(axis=0)
    wanders = variance * (1 - _TREND / np.sqrt(len(means))) > allan
    furthest = _BEYOND * np.abs(means - means.mean(axis=0)).max(axis=0)
    deviations = np.maximum(_AMPLITUDE, furthest / np.sqrt(np.maximum(variance, _TINY)))
    amplitude = deviations * np.sqrt(np.maximum(variance - allan, 0.0))
    reach: Floats = np.where(wanders, np.minimum(amplitude, furthest), 0.0)
    return reach
