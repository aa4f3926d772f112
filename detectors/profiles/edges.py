"""Cuts values into bins of about equal share."""

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats

__all__ = ["equal_shares"]


def equal_shares(values: Floats, bins: int) -> Floats:
    """Give the lower edges of all bins except the first.

    A value that would fill several bins has a bin of its own. A value that equals an edge lies above it. If
    all values are equal there are no edges. Cost: a sort.

    Args:
        values: Finite values, shape (values,).
        bins: Number of bins.

    Returns:
        The edges, ascending, shape (at most bins - 1,).

    >>> equal_shares(np.arange(8.0), 4).tolist()
    [1.0, 3.0, 5.0]
    >>> equal_shares(np.array([0.0] * 97 + [2.0, 3.0, 4.0]), 4).tolist()
    [2.0]
    """
    distinct = np.unique(values)
    quantiles = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf")
    edges, times = np.unique(quantiles, return_counts=True)
    after = np.searchsorted(distinct, edges[times > 1], side="right")
    edges = np.union1d(edges, distinct[after[after < len(distinct)]])
    above: Floats = edges[edges > distinct[0]]
    return above
