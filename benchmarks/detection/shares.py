"""Maps values of any scale to [0, 1], the input of Watchkeeper's online detectors."""

import numpy as np

from benchmarks.detection.contestant import Floats


class Shares:
    """Errors of 0 and 1 stay as they are. Other values become their mid-rank in the reference.

    So a detector of the mean reacts if the rank of a typical value moves, but not if only the spread changes.

    >>> Shares(np.array([0.0, 1.0, 1.0])).of(np.array([1.0, 0.0])).tolist()
    [1.0, 0.0]
    >>> Shares(np.array([10.0, 20.0, 30.0, 40.0])).of(np.array([5.0, 25.0, 40.0])).tolist()
    [0.0, 0.5, 0.875]
    """

    def __init__(self, reference: Floats) -> None:
        self._sorted = None if np.isin(reference, (0, 1)).all() else np.sort(reference)

    def of(self, values: Floats) -> Floats:
        """Return the shares of values."""
        if self._sorted is None:
            return values
        below = np.searchsorted(self._sorted, values, "left")
        upto = np.searchsorted(self._sorted, values, "right")
        return np.asarray((below + upto) / (2 * len(self._sorted)))
