"""Fisher's exact test of whether a share is larger than it was."""

import numpy as np
from scipy.special import gammaln

_TERMS_MAX = 100_000


def rise_p_value(count: int, rows: int, past_count: int, past_rows: int) -> float:
    """Give the chance of so many or more, if the share were what it was in the past.

    P(X >= count) for X hypergeometric: the marked rows of both samples dealt out at random. Exact, so that it
    holds for shares near zero, where a normal approximation cries wolf.

    Cost: 20 us for hundreds of marked rows, 10 ms for a million. Paper: Fisher (1935).

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
