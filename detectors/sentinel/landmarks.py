"""Landmarks: columns of vectors, such as embeddings, are watched as distances from a few points."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.multivariate.standard import Standard
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Table

_COUNT = 8
"""Maximum number of landmarks of a column. Chosen by hand: more cost time and share the same budget."""
_SAMPLE = 2000
"""Number of reference rows that landmarks are chosen among. Chosen by hand: more cost time."""
_DIGITS = 9
"""Number of decimals that squared distances are rounded to, so that equal rows have equal distances."""


class _Points(NamedTuple):
    """The standardisation of vectors, and the points that distances are measured from."""

    standard: Standard
    points: Floats
    """The middle, then the landmarks, of shape (points, dimensions)."""


class Landmarks(Struct):
    """Replaces vectors by their distances from the middle of the reference and from eight of its rows.

    Distances are root mean squares over the dimensions, in standard deviations of the reference
    (`detectors/multivariate/standard.py`). The eight rows are far from each other: each is drawn with a
    probability proportional to the square of its distance from those drawn before. Vectors from a new region,
    or more vectors than before from a known one, are nearer to some landmarks and further from others.
    Landmarks are rows of the reference, so an alarm names rows to look at. Nothing is fitted closely, so new
    rows have distances as the reference has. A vector that is missing or of another length has no distance.

    Cost: 20 d ns per row of d dimensions. Papers: Arthur and Vassilvitskii (2007), k-means++; Williams and
        Seeger
    (2001), Using the Nystroem method to speed up kernel machines.

    >>> vectors = np.random.default_rng(1).normal(size=(500, 16))
    >>> landmarks = Landmarks.of("text", vectors)
    >>> near, far = landmarks.distances(np.array([vectors[0], vectors[0] + 9])).T[0]
    >>> len(landmarks.names), landmarks.names[0], bool(near < 2 < far)
    (9, 'text: distance from the middle', True)
    """

    name: str
    """Name of the column."""
    names: list[str]
    """Names of the distances."""
    state: bytes
    """The points, packed."""

    @classmethod
    def of(cls, name: str, vectors: Floats) -> "Landmarks":
        """Choose landmarks among the rows of the reference. The choice is the same each time.

        Args:
            name: Name of the column.
            vectors: The reference's vectors, of shape (rows, dimensions); NaN where one is missing.
        """
        standard = Standard.of(vectors)
        candidates = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        candidates = candidates[:: max(1, len(candidates) // _SAMPLE)]
        sample = standard.apply(vectors[candidates])
        chosen = _far_apart(sample)
        points = np.vstack((np.zeros(sample.shape[1]), sample[chosen]))
        of_rows = [f"{name}: distance from row {row}" for row in candidates[chosen]]
        state = pack(centre=standard.centre, scale=standard.scale, places=points)
        return cls(name, [f"{name}: distance from the middle", *of_rows], state)

    @property
    def length(self) -> int:
        """Number of dimensions of a vector."""
        return int(_points(self.state).points.shape[1])

    def distances(self, vectors: Floats) -> Floats:
        """Return the distances of vectors from the points, of shape (rows, points); NaN for a missing vector.

        Args:
            vectors: Vectors of shape (rows, dimensions).
        """
        standard, points = _points(self.state)
        if vectors.shape[1] != points.shape[1]:
            return np.full((len(vectors), len(points)), np.nan)
        rows = standard.apply(vectors)
        squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ points.T + (points**2).sum(axis=1)
        distances: Floats = np.sqrt(np.round(np.maximum(squares, 0.0) / points.shape[1], _DIGITS))
        distances[np.isnan(vectors).all(axis=1)] = np.nan
        return distances

    def replaced(self, table: Table) -> Table:
        """Return a table with the distances instead of the column.

        Args:
            table: Rows with the column of vectors.
        """
        columns = {name: cells for name, cells in table.columns.items() if name != self.name}
        vectors = np.asarray(table.columns[self.name], float)
        columns.update(zip(self.names, self.distances(vectors).T.copy(), strict=True))
        return table._replace(columns=columns)


@lru_cache(maxsize=64)
def _points(state: bytes) -> _Points:
    """Unpack points."""
    arrays = unpack(state)
    return _Points(Standard(arrays["centre"], arrays["scale"]), arrays["places"])


def _far_apart(rows: Floats) -> list[int]:
    """Draw rows as k-means++ does; fewer if no more rows differ."""
    rng = np.random.default_rng(0)
    chosen: list[int] = []
    squares = np.ones(len(rows))
    while len(chosen) < _COUNT and squares.any():
        chosen.append(int(rng.choice(len(rows), p=squares / squares.sum())))
        fresh = ((rows - rows[chosen[-1]]) ** 2).sum(axis=1)
        squares = fresh if len(chosen) == 1 else np.minimum(squares, fresh)
    return chosen
