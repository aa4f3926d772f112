"""What all divergences of two histograms have in common: their chance, and their interval."""

from math import sqrt
from typing import NamedTuple

from scipy.special import chdtrc

from watchkeeper.detectors.checks.drift.measure import Measure, Z, root_of
from watchkeeper.detectors.checks.drift.pair import Pair, Shares


class Divergence(NamedTuple):
    """A sum over bins that is zero only for equal shares, as PSI is.

    Between shares that are nearly equal it is `scale` times Pearson's sum of (c - r)^2 / p. So without drift
    value / (scale (1/n + 1/m)) is about chi-squared with B - 1 degrees of freedom: that is its p-value and
    its average v. Its variance is 2 v^2 / (B - 1) from chance alone, and grows with the true value D, in
    proportion: k D, k from the slopes by the delta method. The interval is all D with

        (value - v - D)^2 <= z^2 (2 v^2 / (B - 1) + k D),

    which near zero is that of a noncentral chi-squared, and far from it the normal one. In simulations it
    holds D 95 % of the time or more (`tests/detectors/checks/drift/test_intervals.py`).

    Papers: Csiszár (1967), Information-type measures of difference; Wilson (1927), for such intervals.
    """

    value: float
    scale: float
    of_reference: Shares
    """How fast the value rises with each share of the reference."""
    of_current: Shares

    def measure(self, pair: Pair) -> Measure:
        """Judge the value itself."""
        freedom = pair.bins - 1
        average = freedom * self.scale * pair.noise
        p_value = float(chdtrc(freedom, self.value / (self.scale * pair.noise)))
        lower, upper = self._interval(pair, average)
        return Measure(self.value, p_value, average, max(0.0, self.value - average), lower, upper)

    def measure_of_root(self, pair: Pair) -> Measure:
        """Judge the root of the value, which is a distance."""
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
        reach = Z * sqrt(max(0.0, by_chance + growth * excess + Z**2 * growth**2 / 4))
        return max(0.0, middle - reach), max(0.0, middle + reach)
