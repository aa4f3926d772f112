"""Joins sparse bins until each has enough rows for the tests to hold their level."""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""The number of rows in each bin, shape (bins,)."""
LEAST = 10.0
"""The smallest expected number of rows in a bin of the smaller sample. With Cochran's rule of five, the
p-value of a single binomial is below 0.001 twice as often as it should."""
_RATIO_MAX = 20
"""The largest weight of the larger sample, in sizes of the smaller one. Chosen by hand."""


def pool(reference: Counts, current: Counts, *, ordered: bool) -> tuple[Counts, Counts]:
    """Join bins until the smaller sample is expected to have ten rows in each, by the shares of both samples.

    Ordered bins are joined with their neighbours. Categories are joined from the most common down, by the
    sums of both samples: any other order would join what the window happens to have, and look like drift. The
    larger sample weighs at most twenty times as much as the smaller one, or bins that only the smaller one
    has would vanish. Cost: linear in the bins.

    Args:
        reference: The reference's rows in each bin, shape (bins,).
        current: The window's rows in each bin, shape (bins,).
        ordered: Whether the bins have an order.

    Returns:
        The rows in each joined bin, of the reference and of the window.

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
    # The remaining bins at the end join the last full one.
    return starts if filled >= LEAST or len(starts) == 1 else starts[:-1]
