"""The bets of a column: which moves are looked for, and how much each must be to count."""

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.variability import Wander
from watchkeeper.detectors.profiles.columns import Floats

SIZES = (0.06, 0.13, 0.25, 0.5, 1.0)
"""Moves of a score's mean that bets are best at, in standard deviations of the rows."""
_WEIGHTS = (0.04, 0.78, 0.13, 0.03, 0.02)
"""A weight w costs log(1/w) / KL rows of delay: little where a row says much, so large moves get little."""
_DEPENDENT = (0.02, 0.08, 0.3, 0.3, 0.3)
"""Those where rows depend on each other, and say little."""
_WARY = 0.5
"""Where rows depend on each other the reference does not show all they may do: half of the budget is kept."""
_DOUBT = 0.25
"""Standard errors of the reference's mean that are left to it as a margin."""
_SHORT = 500.0
"""To a reference of so few rows, or fewer, more is left:"""
_DOUBT_SHORT = 1.25
_STRIDE_MAX = 3.0
"""No row may multiply a bet by more than e^3."""


class Bets(Struct, array_like=True):
    """All bets on one column, as vectors of one length: each on one score, one side and one size."""

    score: list[int]
    tilt: list[float]
    """How strongly rows of a high score are preferred; negative: of a low one."""
    cost: list[float]
    """What a row costs in health: log of the mean of exp(tilt * score)."""
    inflation: list[float]
    margin: list[float]
    """How far the score's mean may lie off without harm."""
    weight: list[float]


def place(
    scores: Floats,
    shares: Floats,
    wander: Wander,
    sides: tuple[int, ...],
    weights: Floats,
    tolerance: Floats,
    worst: Floats | None = None,
    doubted: float = 0.0,
) -> Bets:
    """Place a bet of each size on each side of each score.

    A bet on a move of d takes that scale of the reference's wander at which it grows fastest,
    (d - reach)^2 / inflation: large moves are told within few rows from what wanders slowly, small ones over
    many rows from bursts. Weights share the budget over scores; tolerances are each score's. Of a score of
    two values, as of being a category, `worst` is how far its mean may truly be off, and `doubted` what of it
    the bank leaves as a margin: a bet that wins by much at once is worth more the oftener it does.
    Cost: 0.1 ms a score.
    """
    placed: list[tuple[int, float, float, float, float, float]] = []
    for index, score in enumerate(scores):
        steepest = _STRIDE_MAX / float(np.abs(score).max())
        depends = wander.inflation[:, index].max() > 1 or wander.reach[:, index].max() > 0
        spent = float(weights[index]) * (_WARY if depends else 1.0) / len(sides)
        scales = [_fastest(size, wander, index) for size in SIZES]
        shared = _weights(wander.inflation[scales, index])
        for side in sides:
            for size, scale, weight in zip(SIZES, scales, shared, strict=True):
                tilt = side * min(size, steepest)
                cost = float(np.log(shares @ np.exp(tilt * score)))
                if worst is not None:
                    lacks = float(worst[index] - doubted - tolerance[index])
                    cost = max(cost, _cost_at(score, tilt, side * float(worst[index])) + abs(tilt) * lacks)
                margin = float(wander.reach[scale, index] + tolerance[index])
                margin += abs(tilt) / 2 * float(wander.swell[scale, index])
                inflation = float(wander.inflation[scale, index])
                placed.append((index, tilt, cost, inflation, margin, spent * weight))
    return Bets(*(list(column) for column in zip(*placed, strict=True)))


def _cost_at(score: Floats, tilt: float, mean: float) -> float:
    """Give what a row costs where a score of two values has some mean, which is known."""
    low, high = float(score.min()), float(score.max())
    share = min(1.0, max(0.0, (mean - low) / (high - low))) if high > low else 0.0
    mean = low + share * (high - low)
    return float(np.log((1 - share) * np.exp(tilt * (low - mean)) + share * np.exp(tilt * (high - mean))))


def _fastest(size: float, wander: Wander, index: int) -> int:
    speed = np.maximum(size - wander.reach[:, index], 0.0) ** 2 / wander.inflation[:, index]
    return int(np.argmax(speed))


def _weights(inflation: Floats) -> list[float]:
    """Share the weight out over sizes: where many rows say as much as one, small moves are lost anyway.

    >>> [round(weight, 2) for weight in _weights(np.ones(5))]
    [0.04, 0.78, 0.13, 0.03, 0.02]
    >>> [round(weight, 2) for weight in _weights(np.full(5, 100.0))]
    [0.02, 0.15, 0.28, 0.27, 0.27]
    """
    alone = 1 / np.sqrt(inflation)
    weights = alone * np.array(_WEIGHTS) + (1 - alone) * np.array(_DEPENDENT)
    shared: list[float] = (weights / weights.sum()).tolist()
    return shared


def doubt(inflation: Floats, known: Floats, rows: Floats) -> Floats:
    """Give the margin that the reference's own error takes, in standard deviations of the rows.

    `known` are the rows of the reference, `rows` those and the stream's. A short reference flatters itself.
    """
    errors = np.where(inflation > 1, 1.0, _doubted(known))
    margin: Floats = errors * np.sqrt(inflation / rows)
    return margin


def beyond(shares: Floats, known: float) -> Floats:
    """Give what that margin lacks for shares of so many rows, of which rare ones are the less certain.

    By as much as Wilson's bound of a share lies above that which takes its error for known: of few rows, a
    share that looks small may be twice as large; or one that looks large, its complement. Source: Wilson
    (1927), Probable inference.

    >>> beyond(np.array([0.5, 0.02, 0.98]), 100.0).round(3).tolist()
    [0.0, 0.063, 0.063]
    >>> beyond(np.array([0.5, 0.02]), 10_000.0).round(5).tolist()
    [0.0, 3e-05]
    """
    errors = _doubted(np.array(known))
    shares = np.minimum(shares, 1 - shares)
    variance = shares * (1 - shares)
    squared = errors**2 / known
    upper = (shares + squared / 2 + np.sqrt(squared * (variance + squared / 4))) / (1 + squared)
    lacking: Floats = np.maximum(0.0, upper - shares - np.sqrt(squared * variance)) / np.sqrt(variance)
    return lacking


def margin_of(known: float) -> float:
    """Give the margin that the error of so many independent rows takes."""
    return float(_doubted(np.array(known)) / np.sqrt(known))


def _doubted(known: Floats) -> Floats:
    doubted: Floats = _DOUBT + (_DOUBT_SHORT - _DOUBT) * np.minimum(1.0, _SHORT / known)
    return doubted
