"""PCA reconstruction error."""

from typing import Self

import numpy as np

from watchkeeper.detectors.multivariate.projected import Projected
from watchkeeper.detectors.profiles.columns import Floats


class PcaError(Projected):
    """Scores a row by its reconstruction error from the reference's main directions.

    score = |(I - V V')(z - mean)|, with z in deviations from the median (a missing value counts as the
    median), and V the eigenvectors of the reference's covariance whose eigenvalues are above average
    (Kaiser's rule), at most all but one; or the fewest that explain a given share of the variance. The
    remaining directions are those in which the reference hardly varies: sums, ratios and copies that always
    held. The score grows where they no longer hold. `coordinates` are the row's components in these
    directions.

    Papers: Jackson and Mudholkar (1979), Control procedures for residuals associated with principal component
    analysis; Kaiser (1960), The application of electronic computers to factor analysis.
    Cost: 0.2 us per row of 20 columns, d^2 / 5 ns for many; to fit, n d^2 + 10 d^3 operations.

    Args:
        explained: The share of the variance to keep, between 0 and 1; None applies Kaiser's rule.
        components: Number of directions to keep; None applies `explained` or the rule.

    Raises:
        ValueError: `explained` is not between 0 and 1.

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
        """The share of the variance to keep; None applies Kaiser's rule."""
        self.components = components
        """Number of directions to keep; None applies the share or the rule."""
        self._chosen = components

    def _project(self, centred: Floats) -> Floats:
        variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = self._chosen = min(self._kept(variances[::-1]), len(variances) - 1)
        return directions[:, : len(variances) - kept]

    def _kept(self, variances: Floats) -> int:
        """Count the directions to keep; variances are in descending order."""
        if self.components is not None:
            return int(self.components)
        if self.explained is None:
            return int(np.count_nonzero(variances > variances.mean()))
        return int(np.searchsorted(np.cumsum(variances), self.explained * variances.sum())) + 1

    def alike(self) -> Self:
        """Give an unfitted score that keeps as many directions as this one."""
        return type(self)(components=self._chosen)  # an eigenvalue near the limit may be on its other side
