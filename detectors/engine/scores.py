"""Scores of bins: directions in which a distribution can move, with mean 0 and variance 1 on healthy rows."""

import numpy as np
from scipy.special import ndtri

from watchkeeper.detectors.profiles.columns import Floats

DEGREE = 4
"""Highest degree of the polynomials: mean, spread, skew and tails are the four that people have words for."""
MOMENTS = ("mean", "spread", "skew", "tails")
"""Name of what each score of numbers is sensitive to, by degree."""
_FLAT = 1e-6
"""Minimum standard deviation of a score that is used; a smaller one is a rounding error."""
_SAME = 0.98
"""Correlation of two scores above which they count as one. Chosen by hand: a second bet on nearly the same
score costs budget and finds nothing more."""


def of_numbers(shares: Floats) -> Floats:
    """Return up to four scores of ordered bins: of location, spread, skew and tails.

    The scores are polynomials of degree 1 to 4 in the normal score of a bin, which is the mean of a normal
    variable within the bin's quantiles. Gram-Schmidt makes them orthonormal under the shares. With many bins
    they are Hermite's polynomials. Fewer than five bins have fewer scores.

    Cost: 0.2 ms for 40 bins. Source: the score test's smooth alternatives, Neyman (1937).

    Args:
        shares: Share of the reference's rows in each bin, in order of value, of shape (bins,).

    Returns:
        The scores, of shape (scores, bins).

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
        for other in basis * 2:  # twice, because once leaves rounding errors
            score = score - (shares * score * other).sum() * other
        size = np.sqrt((shares * score**2).sum())
        if size < _FLAT or len(basis) >= len(shares):
            break
        basis.append(score / size)
    return np.array(basis[1:])


def of_losses(shares: Floats, levels: Floats) -> Floats:
    """Return the scores of losses, of which only a rise of the mean counts: by rank and by size.

    The score by rank detects most changes of losses that are spread out. The score by size detects losses
    that are mostly 0 and grow where they are not. If both are the same, as for errors, there is one score.

    Args:
        shares: Share of the reference's rows in each bin, in order of value, of shape (bins,).
        levels: Mean of the values in each bin, of shape (bins,).

    Returns:
        The scores, of shape (1 or 2, bins).

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
    """Return one score for each category: whether a row belongs to it.

    Args:
        shares: Share of the reference's rows in each bin, of shape (bins,).

    Returns:
        The scores, of shape (bins, bins).

    >>> of_categories(np.array([0.5, 0.5])).round(3).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    spread = np.sqrt(shares * (1 - shares))
    scores: Floats = (np.eye(len(shares)) - shares[:, None]) / spread[:, None]
    return scores


def _density(share: Floats) -> Floats:
    """Return the normal density at a quantile; 0 at both ends."""
    density: Floats = np.exp(-(ndtri(share) ** 2) / 2) / np.sqrt(2 * np.pi)
    return density
