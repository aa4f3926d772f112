"""The bets on a column: which changes the engine looks for, and how large each must be to count."""

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.variability import Variability
from watchkeeper.detectors.profiles.columns import Floats

SIZES = (0.06, 0.13, 0.25, 0.5, 1.0)
"""Changes of a score's mean that the bets are best at, in standard deviations of the score.

Chosen by hand, about doubling: more sizes cost time and share the same budget.
"""
_WEIGHTS = (0.04, 0.78, 0.13, 0.03, 0.02)
"""Share of the budget for each of `SIZES`, in columns of independent rows.

A weight w costs log(1 / w) / KL rows of delay. That is little where a row carries much information, so large
changes get little. Chosen with the benchmark's error streams (docs/explanation/detection.md).
"""
_DEPENDENT = (0.02, 0.08, 0.3, 0.3, 0.3)
"""Share of the budget for each of `SIZES`, in columns whose rows depend on each other and carry little
information.

Chosen with `benchmarks.dependent`: the mean of an AR(1) of .95 that moves by a deviation is found after 1,040
rows, and after 1,556 with `_WEIGHTS` (docs/adr/0010).
"""
_DEPENDENT_BUDGET = 0.5
"""Share of its budget that a column spends if its rows depend on each other.

The other half is held back, because a reference understates the variability of such columns. Chosen with the
benchmark's stream `slow variance`: 12 alarms in 300,000 rows where 3 were allowed (commit f8da6e7).
"""
_MARGIN = 0.25
"""Margin for the error of the reference's mean, in standard errors of it.

Chosen by hand: a larger margin lowers the number of false alarms and lengthens every delay.
"""
_SHORT_ROWS = 500.0
"""Number of reference rows up to which `_MARGIN_SHORT` holds; beyond it the margin falls to `_MARGIN`.

Chosen by hand: a larger one gives longer references the margin of a short one.
"""
_MARGIN_SHORT = 1.25
"""Margin of a short reference, in standard errors of its mean.

Set together with the rule that means follow rows of 1,024 rows ago: errors from .10 to .20 right after a
reference of 500 rows are found after 224 rows, 302 before (commit 5625620).
"""
_LOG_GAIN_MAX = 3.0
"""Largest log by which one row multiplies a bet. Chosen by hand: it limits what a single extreme row can
do."""


class ColumnBets(Struct, array_like=True):
    """All bets on one column, in vectors of one length. A bet is on one score, one side and one size."""

    score: list[int]
    """Index of the score that each bet is on."""
    tilt: list[float]
    """How strongly a bet prefers rows of a high score; negative: rows of a low score."""
    cost: list[float]
    """What a healthy row costs: log of the mean of exp(tilt * score)."""
    inflation: list[float]
    """Number of rows that carry as much information as one independent row, at the scale of each bet."""
    margin: list[float]
    """How far the score's mean may move without counting as a change, in standard deviations of the score."""
    weight: list[float]
    """Share of the column's budget that each bet spends."""


def make_bets(
    scores: Floats,
    shares: Floats,
    variability: Variability,
    sides: tuple[int, ...],
    weights: Floats,
    tolerance: Floats,
    largest_error: Floats | None = None,
    bank_margin: float = 0.0,
) -> ColumnBets:
    """Make a bet of each size on each side of each score.

    A bet on a change of d uses the scale of the variability at which it grows fastest: the largest (d - drift
    allowance)^2 / inflation. So large changes are distinguished from slow drift within few rows, and small
    changes from bursts over many rows. If a rare event occurs slightly more often than in the reference, the
    bet on it grows fast: bets on scores of two values get a higher cost. Cost: 0.1 ms per score.

    Args:
        scores: Score of each bin, of shape (scores, bins).
        shares: Share of the reference's rows in each bin, of shape (bins,).
        variability: The variability of the scores in the reference.
        sides: 1 for a rise of the mean, -1 for a fall.
        weights: Share of the column's budget for each score, of shape (scores,).
        tolerance: How far the mean of each score may move without harm, in standard deviations of the score,
            of shape (scores,).
        largest_error: How far the mean of each score may truly be off, in standard deviations of the score,
            of shape (scores,). Only for scores of two values, such as belonging to a category.
        bank_margin: The part of `largest_error` that the bank allows as a margin.

    Returns:
        The bets, score by score.
    """
    bets: list[tuple[int, float, float, float, float, float]] = []
    for index, score in enumerate(scores):
        steepest = _LOG_GAIN_MAX / float(np.abs(score).max())
        allowance = variability.drift_allowance[:, index]
        depends = variability.inflation[:, index].max() > 1 or allowance.max() > 0
        spent = float(weights[index]) * (_DEPENDENT_BUDGET if depends else 1.0) / len(sides)
        scales = [_fastest(size, variability, index) for size in SIZES]
        shared = _weights(variability.inflation[scales, index])
        for side in sides:
            for size, scale, weight in zip(SIZES, scales, shared, strict=True):
                tilt = side * min(size, steepest)
                cost = float(np.log(shares @ np.exp(tilt * score)))
                if largest_error is not None:
                    off = float(largest_error[index])
                    uncovered = off - bank_margin - float(tolerance[index])
                    cost = max(cost, _cost_at(score, tilt, side * off) + abs(tilt) * uncovered)
                margin = float(allowance[scale] + tolerance[index])
                margin += abs(tilt) / 2 * float(variability.variance_allowance[scale, index])
                inflation = float(variability.inflation[scale, index])
                bets.append((index, tilt, cost, inflation, margin, spent * weight))
    return ColumnBets(*(list(column) for column in zip(*bets, strict=True)))


def _cost_at(score: Floats, tilt: float, mean: float) -> float:
    """Return what a row costs if a score of two values has the given mean."""
    low, high = float(score.min()), float(score.max())
    share = min(1.0, max(0.0, (mean - low) / (high - low))) if high > low else 0.0
    mean = low + share * (high - low)
    return float(np.log((1 - share) * np.exp(tilt * (low - mean)) + share * np.exp(tilt * (high - mean))))


def _fastest(size: float, variability: Variability, index: int) -> int:
    """Return the scale at which a bet on a change of the given size grows fastest."""
    surplus = np.maximum(size - variability.drift_allowance[:, index], 0.0)
    return int(np.argmax(surplus**2 / variability.inflation[:, index]))


def _weights(inflation: Floats) -> list[float]:
    """Share the weight over sizes; where rows depend on each other, small changes get less.

    >>> [round(weight, 2) for weight in _weights(np.ones(5))]
    [0.04, 0.78, 0.13, 0.03, 0.02]
    >>> [round(weight, 2) for weight in _weights(np.full(5, 100.0))]
    [0.02, 0.15, 0.28, 0.27, 0.27]
    """
    independent = 1 / np.sqrt(inflation)
    weights = independent * np.array(_WEIGHTS) + (1 - independent) * np.array(_DEPENDENT)
    shared: list[float] = (weights / weights.sum()).tolist()
    return shared


def reference_margin(inflation: Floats, known: Floats, rows: Floats) -> Floats:
    """Return the margin for the error of the reference's mean, in standard deviations of the score.

    Where rows depend on each other, it is one standard error. The arguments must broadcast to one shape.

    Args:
        inflation: Number of rows that carry as much information as one independent row.
        known: Number of rows of the reference; a short one gets a larger margin.
        rows: Number of rows that the mean is estimated from: the reference's and the stream's.
    """
    errors = np.where(inflation > 1, 1.0, _standard_errors(known))
    margin: Floats = errors * np.sqrt(inflation / rows)
    return margin


def share_margin(shares: Floats, known: float) -> Floats:
    """Return the margin that shares need beyond `reference_margin`, in standard deviations of their scores.

    The error of a share is itself uncertain, most so of a rare one: in few rows, a share that looks small may
    be twice as large. So may the complement of a share that looks large. The margin is the difference of
    Wilson's upper bound and the usual one. Source: Wilson (1927), Probable inference.

    Args:
        shares: The shares, of shape (shares,).
        known: Number of rows that they are estimated from.

    >>> share_margin(np.array([0.5, 0.02, 0.98]), 100.0).round(3).tolist()
    [0.0, 0.063, 0.063]
    >>> share_margin(np.array([0.5, 0.02]), 10_000.0).round(5).tolist()
    [0.0, 3e-05]
    """
    errors = _standard_errors(np.array(known))
    shares = np.minimum(shares, 1 - shares)
    variance = shares * (1 - shares)
    squared = errors**2 / known
    upper = (shares + squared / 2 + np.sqrt(squared * (variance + squared / 4))) / (1 + squared)
    lacking: Floats = np.maximum(0.0, upper - shares - np.sqrt(squared * variance)) / np.sqrt(variance)
    return lacking


def independent_margin(known: float) -> float:
    """Return the margin for the error of a mean of independent rows, in standard deviations of the score.

    Args:
        known: Number of rows that the mean is estimated from.
    """
    return float(_standard_errors(np.array(known)) / np.sqrt(known))


def _standard_errors(known: Floats) -> Floats:
    """Return the margin for a reference of `known` rows, in standard errors of its mean."""
    errors: Floats = _MARGIN + (_MARGIN_SHORT - _MARGIN) * np.minimum(1.0, _SHORT_ROWS / known)
    return errors
