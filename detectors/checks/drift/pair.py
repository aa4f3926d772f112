"""Two histograms with their sparse bins joined, once for all measures."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.checks.drift.pooling import Counts, pool
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN

Shares = NDArray[np.float64]
"""The share of the rows in each bin, shape (bins,)."""


@dataclass(frozen=True)
class Pair:
    """Two histograms over the same bins.

    Args:
        reference: The reference's rows in each joined bin, shape (bins,).
        current: The window's rows in each joined bin, shape (bins,).
        n: Number of rows in the reference.
        m: Number of rows in the window.

    >>> pair = Pair.of(np.array([90, 1, 2, 40]), np.array([90, 0, 3, 50]))
    >>> pair.bins, pair.r.round(2).tolist(), round(pair.noise, 3)
    (2, [0.68, 0.32], 0.015)
    >>> Pair.of(np.array([90, 10]), np.array([9, 1])) is None
    True
    """

    reference: Counts
    current: Counts
    n: int
    m: int

    @classmethod
    def of(cls, reference: Counts, current: Counts, *, ordered: bool = True) -> "Pair | None":
        """Join the sparse bins of two histograms.

        Args:
            reference: The reference's rows in each bin, shape (bins,).
            current: The window's rows in each bin, shape (bins,).
            ordered: Whether the bins have an order, so that sparse ones are joined with their neighbours.

        Returns:
            The pair, or None if either side has fewer than 30 rows.
        """
        n, m = int(reference.sum()), int(current.sum())
        if min(n, m) < SHARE_ROWS_MIN:
            return None
        return cls(*pool(reference, current, ordered=ordered), n, m)

    @property
    def bins(self) -> int:
        """Count the joined bins."""
        return len(self.reference)

    @property
    def noise(self) -> float:
        """Give the variance of a difference of shares without the factor p (1 - p): 1/n + 1/m."""
        return 1 / self.n + 1 / self.m

    @cached_property
    def r(self) -> Shares:
        """Give the shares of the reference, with half a row added to each bin."""
        return np.asarray((self.reference + 0.5) / (self.n + self.bins / 2), np.float64)

    @cached_property
    def c(self) -> Shares:
        """Give the shares of the window, with half a row added to each bin."""
        return np.asarray((self.current + 0.5) / (self.m + self.bins / 2), np.float64)

    @cached_property
    def together(self) -> Shares:
        """Give the shares of both samples as one."""
        both: Shares = (self.reference + self.current) / (self.n + self.m)
        return both

    def variance(self, of_reference: Shares, of_current: Shares) -> float:
        """Give the variance of a function of the shares by the delta method.

        Args:
            of_reference: The slope in each share of the reference, shape (bins,).
            of_current: The slope in each share of the window, shape (bins,).
        """
        variances = (
            (weights @ slopes**2 - (weights @ slopes) ** 2) / rows
            for weights, slopes, rows in ((self.r, of_reference, self.n), (self.c, of_current, self.m))
        )
        return float(sum(variances))
