"""A common manual approach: a Kolmogorov-Smirnov test of every 500 rows against the reference."""

from scipy.stats import ks_2samp

from benchmarks.detection.contestant import Floats

WINDOW_ROWS = 500


class TumblingKs:
    """Tests each window at level WINDOW_ROWS / target, which gives one false alarm in `target` rows."""

    def __init__(self, target: float) -> None:
        self._level = WINDOW_ROWS / target

    def fit(self, reference: Floats) -> None:
        """Keep the reference."""
        self._reference = reference

    def alarms(self, values: Floats, first_only: bool) -> list[int]:
        """Return the last position of each window that differs."""
        found = []
        for end in range(WINDOW_ROWS, len(values) + 1, WINDOW_ROWS):
            test = ks_2samp(values[end - WINDOW_ROWS : end], self._reference, method="asymp")
            if test.pvalue <= self._level:
                found.append(end - 1)
                if first_only:
                    break
        return found
