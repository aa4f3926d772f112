"""Directions in which a distribution over bins can move, as scores with mean 0 and variance 1 in health."""

import numpy as np
from scipy.special import ndtri

from watchkeeper.detectors.profiles.columns import Floats

DEGREE = 4
MOMENTS = ("mean", "spread", "skew", "tails")
_FLAT = 1e-6
_SAME = 0.98
"""A correlation of two scores that makes them one."""


def of_numbers(shares: Floats) -> Floats:
    """Give up to four scores of ordered bins: of location, spread, skew and tails. [scores, bins].

    Polynomials of degree 1 to 4 in the normal score of a bin (the mean of a normal variable within the
    bin's quantiles), made orthonormal under the shares by Gram-Schmidt: Hermite's polynomials where the bins
    are many. Fewer than five bins have fewer scores.

    Cost: 0.2 ms for 40 bins. Source: the score test's smooth alternatives, Neyman (1937).

    >>> scores = of_numbers(np.full(40, 1 / 40))
    >>> np.round(scores @ scores.T / 40, 6).tolist() == np.eye(4).tolist()
    True
    """
    above = np.clip(np.cumsum(shares), 0.0, 1.0)
    below = np.clip(above - shares, 0.0, 1.0)
    normal = (_density(below) - _density(above)) / shares
    basis = [np.ones_like(shares)]
    for degree in range(1, DEGREE + 1):
        score = normal**degree
        for other in basis * 2:  # twice, as once leaves rounding errors behind
            score = score - (shares * score * other).sum() * other
        size = np.sqrt((shares * score**2).sum())
        if size < _FLAT or len(basis) >= len(shares):
            break
        basis.append(score / size)
    return np.array(basis[1:])


def of_losses(shares: Floats, levels: Floats) -> Floats:
    """Give the scores of losses, of which only a mean that rises matters: by ranks, and by their sizes.

    Ranks see most of what is spread out; sizes see losses that are mostly 0 and rise where they are not.
    `levels` are the means of the bins. One score where both are the same, as for errors.

    >>> of_losses(np.array([0.9, 0.1]), np.array([0.0, 1.0])).shape
    (1, 2)
    """
    by_rank = of_numbers(shares)[:1]
    centred = levels - shares @ levels
    size = np.sqrt(shares @ centred**2)
    if size <= _FLAT or abs(shares @ (centred / size * by_rank[0])) > _SAME:
        return by_rank
    return np.vstack((by_rank, centred / size))


def of_categories(shares: Floats) -> Floats:
    """Give a score to each category: whether a row is of it. [scores, bins].

    >>> of_categories(np.array([0.5, 0.5])).round(3).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    spread = np.sqrt(shares * (1 - shares))
    scores: Floats = (np.eye(len(shares)) - shares[:, None]) / spread[:, None]
    return scores


def _density(share: Floats) -> Floats:
    """Give the normal density at a quantile; 0 at both ends."""
    density: Floats = np.exp(-(ndtri(share) ** 2) / 2) / np.sqrt(2 * np.pi)
    return density
