"""Cuts values into bins of about equal share."""

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats

__all__ = ["equal_shares"]


def equal_shares(values: Floats, bins: int) -> Floats:
    """Give the lower edges of all bins but the first; a value that would fill several has one of its own.

    Values are finite; what equals an edge lies above it. Values that are all equal have none. Cost: a sort.

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
