"""The common part of all divergences of two histograms: the p-value and the interval."""

from math import sqrt
from typing import NamedTuple

from scipy.special import chdtrc

from watchkeeper.detectors.checks.drift.measure import Measure, Z, root_of
from watchkeeper.detectors.checks.drift.pair import Pair, Shares


class Divergence(NamedTuple):
    """A sum over bins that is zero only for equal shares, such as PSI.

    For nearly equal shares it is `scale` times Pearson's sum of (c - r)^2 / p. So without drift
    value / (scale (1/n + 1/m)) is about chi-squared with B - 1 degrees of freedom, which gives the p-value
    and the average v. The variance is 2 v^2 / (B - 1) by chance alone, and grows in proportion to the true
    value D: by k D, with k from the slopes by the delta method. The interval is all D with

        (value - v - D)^2 <= z^2 (2 v^2 / (B - 1) + k D).

    Near zero it is that of a noncentral chi-squared, far from it the normal one. In simulations it contains D
    95 % of the time or more (`tests/detectors/checks/drift/test_intervals.py`).

    Papers: Csiszár (1967), Information-type measures of difference; Wilson (1927), Probable inference, for
    the form of the interval.
    """

    value: float
    """The divergence."""
    scale: float
    """Its ratio to Pearson's sum for nearly equal shares."""
    of_reference: Shares
    """The slope of the value in each share of the reference, shape (bins,)."""
    of_current: Shares
    """The slope of the value in each share of the window, shape (bins,)."""

    def measure(self, pair: Pair) -> Measure:
        """Give the measure of the value itself.

        Args:
            pair: The histograms.
        """
        freedom = pair.bins - 1
        average = freedom * self.scale * pair.noise
        p_value = float(chdtrc(freedom, self.value / (self.scale * pair.noise)))
        lower, upper = self._interval(pair, average)
        return Measure(self.value, p_value, average, max(0.0, self.value - average), lower, upper)

    def measure_of_root(self, pair: Pair) -> Measure:
        """Give the measure of the root of the value, which is a distance.

        Args:
            pair: The histograms.
        """
        whole = self.measure(pair)
        return Measure(
            sqrt(max(0.0, whole.statistic)), whole.p_value, sqrt(whole.expected),
            root_of(whole.statistic, whole.expected), sqrt(whole.lower), sqrt(whole.upper),
        )  # fmt: skip

    def _interval(self, pair: Pair, average: float) -> tuple[float, float]:
        excess = self.value - average
        growth = pair.variance(self.of_reference, self.of_current) / max(self.value, average)
        middle = excess + Z**2 * growth / 2
        by_chance = 2 * average**2 / (pair.bins - 1)
        margin = Z * sqrt(max(0.0, by_chance + growth * excess + Z**2 * growth**2 / 4))
        return max(0.0, middle - margin), max(0.0, middle + margin)
