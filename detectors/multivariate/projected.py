"""Scores that are the length of a row's projection."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np

from watchkeeper.detectors.multivariate.row_score import cross_fitted
from watchkeeper.detectors.multivariate.standard import Standard
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats


class Projected(ABC):
    """Scores a row by the length of (z - mean) M, z in deviations from the reference's median."""

    settings: ClassVar[tuple[str, ...]]
    """The attributes that were given, which a snapshot keeps."""
    _standard: Standard
    _mean: Floats
    _matrix: Floats

    @abstractmethod
    def _project(self, centred: Floats) -> Floats:
        """Choose M for the deviations of the reference from their mean."""

    @abstractmethod
    def alike(self) -> Self:
        """Give one that has learned nothing but the choices that depend on the number of rows."""

    def fit(self, rows: Floats) -> Self:
        """Learn from the reference; ValueError: fewer than 8 rows."""
        self._standard = Standard.of(rows)
        deviations = self._standard.apply(rows)
        self._mean = deviations.mean(axis=0)
        self._matrix = self._project(deviations - self._mean)
        return self

    def scores(self, rows: Floats) -> Floats:
        """Score rows, each by itself: 0 is as ordinary as can be."""
        coordinates = self.coordinates(rows)
        lengths: Floats = np.sqrt(np.einsum("ij,ij->i", coordinates, coordinates))
        return lengths

    def coordinates(self, rows: Floats) -> Floats:
        """Give the projections themselves."""
        return (self._standard.apply(rows) - self._mean) @ self._matrix

    def fit_scores(self, rows: Floats) -> Floats:
        """Learn from the reference, and score its rows as if they were new; at least 16. Cost: 21 fits."""
        return cross_fitted(self.fit(rows).alike, rows)

    def snapshot(self) -> bytes:
        """Encode what was learned and the settings: some columns^2 floats."""
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
        """Build the score that a snapshot was taken of."""
        arrays = unpack(state)
        given = zip(cls.settings, arrays.get("settings", np.empty(0)).tolist(), strict=False)
        score = cls(**{name: each for name, each in given if not np.isnan(each)})
        score._standard = Standard(arrays["centre"], arrays["scale"])
        score._mean, score._matrix = arrays["mean"], arrays["matrix"]
        return score
