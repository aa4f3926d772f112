"""The main directions of embeddings, as bounded columns that a detector can watch."""

from itertools import pairwise
from typing import Self

import numpy as np

from watchkeeper.detectors.multivariate.fourier import Fourier
from watchkeeper.detectors.multivariate.row_score import as_reference
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats

_FOLDS = 10
"""Number of spans of time for cross-fitting. Chosen by hand: more folds cost more eigendecompositions."""


class Directions:
    """Maps rows to their coordinates along the k leading directions of their Fourier features.

    coordinates = (f(x) - m)' V, with V the leading eigenvectors of the covariance of f in the reference. This
    is kernel PCA; all coordinates are within [-2, 2]. A shift of an embedding that is spread over hundreds of
    columns shows in a few of them. For rows of the reference, m and V come from the other spans of time, and
    V is rotated towards that of all rows, so that all coordinates have the same meaning.

    Papers: Scholkopf, Smola and Muller (1998), Nonlinear component analysis as a kernel eigenvalue problem;
    Schonemann (1966), A generalized solution of the orthogonal Procrustes problem, for the rotation.
    Cost: 3 us per row of 20 columns and 256 features.

    Args:
        k: Number of directions, 1 to `features`.
        features: Number of Fourier features, even.
        seed: Seed of the Fourier features.

    Raises:
        ValueError: `k` is outside its range.

    >>> rows = np.random.default_rng(1).normal(size=(500, 30))
    >>> Directions(k=4).fit(rows).coordinates(rows[:2]).shape
    (2, 4)
    """

    features: Fourier
    """The Fourier features, after `fit`."""
    mean: Floats
    """The mean of the features in the reference, shape (features,)."""
    axes: Floats
    """The leading eigenvectors, shape (features, k)."""

    def __init__(self, k: int = 8, features: int = 256, seed: int = 0) -> None:
        if not 0 < k <= features:
            raise ValueError(f"k must be between 1 and the number of features, got {k}")
        self.k = k
        self.size = features
        self.seed = seed

    def fit(self, rows: Floats) -> Self:
        """Learn from the reference.

        Args:
            rows: Rows in order of time, shape (rows, columns); NaN is a missing value.

        Raises:
            ValueError: There are fewer than 8 rows, or no columns.
        """
        self.fit_coordinates(rows)
        return self

    def fit_coordinates(self, rows: Floats) -> Floats:
        """Learn from the reference, and give the coordinates of its rows as if they were new.

        Args:
            rows: Rows in order of time, shape (rows, columns); NaN is a missing value.

        Returns:
            The coordinates, shape (rows, k).

        Raises:
            ValueError: There are fewer than 8 rows, or no columns.
        """
        rows = as_reference(rows)
        self.features = Fourier.of(rows, self.size, self.seed)
        spans = list(pairwise(np.linspace(0, len(rows), min(_FOLDS, len(rows) // 2) + 1).astype(int)))
        vectors = [self.features.apply(rows[start:end]) for start, end in spans]
        sums = np.array([part.sum(axis=0) for part in vectors])
        products = [part.T @ part for part in vectors]
        whole = np.sum(products, axis=0)
        self.mean, self.axes = _main(sums.sum(axis=0), whole, len(rows), self.k)
        coordinates = []
        for part, total, product in zip(vectors, sums, products, strict=True):
            others = len(rows) - len(part)
            mean, axes = _main(sums.sum(axis=0) - total, whole - product, others, self.k)
            coordinates.append((part - mean) @ _turned(axes, self.axes))
        return np.concatenate(coordinates)

    def coordinates(self, rows: Floats) -> Floats:
        """Give the coordinates of rows, each on its own.

        Args:
            rows: Rows with the reference's columns, shape (rows, columns).

        Returns:
            The coordinates, shape (rows, k).
        """
        return (self.features.apply(rows) - self.mean) @ self.axes

    def snapshot(self) -> bytes:
        """Encode what was learned as MessagePack."""
        features = np.frombuffer(self.features.snapshot(), np.uint8)
        return pack(features=features, mean=self.mean, axes=self.axes, seed=np.array(self.seed))

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the directions from a snapshot.

        Args:
            state: The bytes that `snapshot` returned.
        """
        arrays = unpack(state)
        size, k = arrays["axes"].shape
        directions = cls(k, size, int(arrays["seed"]))
        directions.features = Fourier.restore(arrays["features"].tobytes())
        directions.mean, directions.axes = arrays["mean"], arrays["axes"]
        return directions


def _main(sums: Floats, products: Floats, rows: int, k: int) -> tuple[Floats, Floats]:
    """Give the mean and the k directions of most variance, the largest first."""
    mean = sums / rows
    _, directions = np.linalg.eigh(products / rows - np.outer(mean, mean))
    return mean, directions[:, ::-1][:, :k]


def _turned(axes: Floats, target: Floats) -> Floats:
    """Rotate axes within their space to be closest to the target."""
    left, _, right = np.linalg.svd(axes.T @ target)
    turned: Floats = axes @ (left @ right)
    return turned
