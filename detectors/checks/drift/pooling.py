"""Joins sparse bins until each is full enough for the tests to hold their level."""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
LEAST = 10.0
"""With Cochran's five, one binomial alone is below .001 twice as often as it should."""
_RATIO_MAX = 20


def pool(reference: Counts, current: Counts, *, ordered: bool) -> tuple[Counts, Counts]:
    """Join bins until the smaller sample is expected to have ten in each, by their shares of both samples.

    Ordered bins are joined with their neighbours, categories from the most common down, by the sums of both
    samples: an order by anything else would put together what the window happens to have, and be taken for
    drift. The larger sample counts at most twenty times, or what a small one has alone would vanish.
    Cost: linear in the bins.

    >>> [counts.tolist() for counts in pool(np.array([90, 1, 2, 40]), np.array([90, 0, 3, 50]), ordered=True)]
    [[90, 43], [90, 53]]
    """
    n, m = int(reference.sum()), int(current.sum())
    least = min(n, m)
    weights = np.minimum([n, m], _RATIO_MAX * least)
    expected = (reference / n * weights[0] + current / m * weights[1]) * (least / weights.sum())
    if not ordered:
        order = np.argsort(-(reference + current), kind="stable")
        reference, current, expected = reference[order], current[order], expected[order]
    starts = _starts(expected.tolist())
    return np.add.reduceat(reference, starts), np.add.reduceat(current, starts)


def _starts(expected: list[float]) -> list[int]:
    starts, filled = [0], 0.0
    for index, amount in enumerate(expected):
        if filled >= LEAST:
            starts.append(index)
            filled = 0.0
        filled += amount
    # What is left at the end joins the last bin that is full.
    return starts if filled >= LEAST or len(starts) == 1 else starts[:-1]
