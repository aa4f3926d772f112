"""Fisher's exact test of whether a share rose."""

import numpy as np
from scipy.special import gammaln

_TERMS_MAX = 100_000
"""The most terms of the sum. It bounds the cost; the terms beyond it are negligible for large samples."""


def rise_p_value(count: int, rows: int, past_count: int, past_rows: int) -> float:
    """Give the probability of at least this many marked rows, if the share has not changed.

    P(X >= count) for X hypergeometric: the marked rows of both samples are distributed at random. The test is
    exact, so it holds for shares near zero, where a normal approximation gives false alarms.

    Paper: Fisher (1935), The logic of inductive inference.
    Cost: 20 us for hundreds of marked rows, 10 ms for a million.

    Args:
        count: Number of marked rows in the window.
        rows: Number of rows in the window.
        past_count: Number of marked rows in the past.
        past_rows: Number of rows in the past.

    Returns:
        The one-sided p-value.

    >>> round(rise_p_value(3, 10, 1, 10), 4)
    0.291
    >>> rise_p_value(0, 10, 5, 10)
    1.0
    """
    marked, total = count + past_count, rows + past_rows
    last = min(marked, rows)
    if count <= max(0, marked - past_rows):
        return 1.0
    k = np.arange(count, min(last, count + _TERMS_MAX) + 1, dtype=float)
    terms = _log_choose(marked, k) + _log_choose(total - marked, rows - k) - _log_choose(total, rows)
    return float(min(1.0, np.exp(terms).sum()))


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    chosen: np.ndarray = gammaln(n + 1.0) - gammaln(np.add(k, 1.0)) - gammaln(n - np.add(k, 0.0) + 1.0)
    return chosen
