"""PCA reconstruction error."""

from typing import Self

import numpy as np

from watchkeeper.detectors.multivariate.projected import Projected
from watchkeeper.detectors.profiles.columns import Floats


class PcaError(Projected):
    """Scores a row by what is lost when only the reference's main directions are kept of it.

    score = |(I - V V')(z - mean)|, z in deviations from the median (missing values count as the median), V
    the eigenvectors of the reference's covariance whose eigenvalues are above average (Kaiser's rule), at
    most all but one; or the fewest that explain a given share of the variance. What is lost is where the
    reference hardly varies: sums, ratios and copies that always held. The score grows where they no longer
    do. `coordinates` are what is lost.

    Papers: Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component
    analysis; Kaiser (1960), The application of electronic computers to factor analysis.
    Cost: 0.2 us per row of 20 columns, d^2 / 5 ns for many; to fit, n d^2 + 10 d^3 operations.

    >>> x = np.random.default_rng(1).normal(size=1000)
    >>> alike = np.column_stack((x, x, x))
    >>> PcaError().fit(alike).scores(np.array([[2.0, 2.0, 2.0], [2.0, -2.0, 2.0]])).round(1).tolist()
    [0.0, 3.3]
    """

    settings = "explained", "components"

    def __init__(self, explained: float | None = None, components: int | None = None) -> None:
        if explained is not None and not 0 < explained < 1:
            raise ValueError(f"explained must be a share between 0 and 1, got {explained}")
        self.explained = explained
        """The share of the variance to keep; None is Kaiser's rule."""
        self.components = components
        """How many directions to keep; None goes by the share or the rule."""
        self._chosen = components

    def _project(self, centred: Floats) -> Floats:
        variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = self._chosen = min(self._kept(variances[::-1]), len(variances) - 1)
        return directions[:, : len(variances) - kept]

    def _kept(self, variances: Floats) -> int:
        """Count the directions to keep, of variances from the largest down."""
        if self.components is not None:
            return int(self.components)
        if self.explained is None:
            return int(np.count_nonzero(variances > variances.mean()))
        return int(np.searchsorted(np.cumsum(variances), self.explained * variances.sum())) + 1

    def alike(self) -> Self:
        """Give one that has learned nothing but the choice that depends on the number of rows."""
        return type(self)(components=self._chosen)  # an eigenvalue near the limit may be on its other side
