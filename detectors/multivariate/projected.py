"""The base of scores that are the length of a row's projection."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np

from watchkeeper.detectors.multivariate.row_score import cross_fitted
from watchkeeper.detectors.multivariate.standard import Standard
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats


class Projected(ABC):
    """Scores a row by the length of (z - mean) M, with z in deviations from the reference's median."""

    settings: ClassVar[tuple[str, ...]]
    """The names of the settings, which a snapshot keeps."""
    _standard: Standard
    _mean: Floats
    _matrix: Floats

    @abstractmethod
    def _project(self, centred: Floats) -> Floats:
        """Choose M for the deviations of the reference from their mean."""

    @abstractmethod
    def alike(self) -> Self:
        """Give an unfitted score with the choices of this one that depend on the number of rows."""

    def fit(self, rows: Floats) -> Self:
        """Learn from the reference.

        Args:
            rows: Rows in order of time, shape (rows, columns); NaN is a missing value.

        Raises:
            ValueError: There are fewer than 8 rows, or no columns.
        """
        self._standard = Standard.of(rows)
        deviations = self._standard.apply(rows)
        self._mean = deviations.mean(axis=0)
        self._matrix = self._project(deviations - self._mean)
        return self

    def scores(self, rows: Floats) -> Floats:
        """Score rows, each on its own; 0 is the most ordinary row.

        Args:
            rows: Rows with the reference's columns, shape (rows, columns).

        Returns:
            The scores, shape (rows,).
        """
        coordinates = self.coordinates(rows)
        lengths: Floats = np.sqrt(np.einsum("ij,ij->i", coordinates, coordinates))
        return lengths

    def coordinates(self, rows: Floats) -> Floats:
        """Give the projections of rows.

        Args:
            rows: Rows with the reference's columns, shape (rows, columns).

        Returns:
            The projections, shape (rows, directions).
        """
        return (self._standard.apply(rows) - self._mean) @ self._matrix

    def fit_scores(self, rows: Floats) -> Floats:
        """Learn from the reference, and score its rows as if they were new. Cost: 21 fits.

        Args:
            rows: Rows in order of time, shape (rows, columns), at least 16.

        Returns:
            The scores, shape (rows,).

        Raises:
            ValueError: There are fewer than 16 rows.
        """
        return cross_fitted(self.fit(rows).alike, rows)

    def snapshot(self) -> bytes:
        """Encode what was learned and the settings as MessagePack: about columns^2 floats."""
        given = (getattr(self, name) for name in self.settings)
        return pack(**self.learned(), settings=np.array([np.nan if each is None else each for each in given]))

    def learned(self) -> dict[str, Floats]:
        """Give what was learned: the columns' centre, scale and mean, and the matrix."""
        standard = self._standard
        return {
            "centre": standard.centre, "scale": standard.scale, "mean": self._mean, "matrix": self._matrix
        }  # fmt: skip

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the score from a snapshot.

        Args:
            state: The bytes that `snapshot` returned.
        """
        arrays = unpack(state)
        given = zip(cls.settings, arrays.get("settings", np.empty(0)).tolist(), strict=False)
        score = cls(**{name: each for name, each in given if not np.isnan(each)})
        score._standard = Standard(arrays["centre"], arrays["scale"])
        score._mean, score._matrix = arrays["mean"], arrays["matrix"]
        return score
