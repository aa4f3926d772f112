"""How values of any scale become shares in [0, 1], which our online detectors take."""

import numpy as np

from benchmarks.detection.contestant import Floats


class Shares:
    """Wrong answers stay what they are; other values become their rank in the reference, ties in the middle.

    So a detector of the mean sees what moves the rank of a typical value, and not a mere change of spread.

    >>> Shares(np.array([0.0, 1.0, 1.0])).of(np.array([1.0, 0.0])).tolist()
    [1.0, 0.0]
    >>> Shares(np.array([10.0, 20.0, 30.0, 40.0])).of(np.array([5.0, 25.0, 40.0])).tolist()
    [0.0, 0.5, 0.875]
    """

    def __init__(self, reference: Floats) -> None:
        self._sorted = None if np.isin(reference, (0, 1)).all() else np.sort(reference)

    def of(self, values: Floats) -> Floats:
        """Map values."""
        if self._sorted is None:
            return values
        below = np.searchsorted(self._sorted, values, "left")
        upto = np.searchsorted(self._sorted, values, "right")
        return np.asarray((below + upto) / (2 * len(self._sorted)))
