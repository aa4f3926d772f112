"""Columns of vectors, such as embeddings, as numbers that can be watched."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.multivariate.standard import Standard
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Table

_COUNT = 8
_SAMPLE = 2000
_DIGITS = 9
"""Equal rows have equal distances, whatever order a processor adds up in."""
"""Rows of the reference that landmarks are chosen among."""


class _Points(NamedTuple):
    standard: Standard
    places: Floats
    """The middle, and the landmarks. [points, d]"""


class Landmarks(Struct):
    """Says how far a vector is from the middle of the reference, and from eight of its rows.

    Distances are root mean squares over the dimensions, in deviations of the reference
    (`detectors/multivariate/standard.py`). The eight rows are chosen far from each other, each with a chance
    that grows with the square of its distance from those chosen before. Vectors from where the reference had
    none, or more than before from some part of it, are nearer to some landmarks and further from others; as
    landmarks are rows, an alarm names rows to look at. Nothing is fitted closely, so distances of the
    reference are those of new rows. A vector that is missing, or of another length, has no distance.

    Papers: Arthur and Vassilvitskii (2007), k-means++; Williams and Seeger (2001), Using the Nystroem method
    to speed up kernel machines. Cost: 20 d ns per row.

    >>> vectors = np.random.default_rng(1).normal(size=(500, 16))
    >>> landmarks = Landmarks.of("text", vectors)
    >>> near, far = landmarks.distances(np.array([vectors[0], vectors[0] + 9])).T[0]
    >>> len(landmarks.names), landmarks.names[0], bool(near < 2 < far)
    (9, 'text: distance from the middle', True)
    """

    name: str
    """Of the column."""
    names: list[str]
    """Of the numbers."""
    state: bytes

    @classmethod
    def of(cls, name: str, vectors: Floats) -> "Landmarks":
        """Choose landmarks among the rows of the reference; the choice is the same each time."""
        standard = Standard.of(vectors)
        candidates = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        candidates = candidates[:: max(1, len(candidates) // _SAMPLE)]
        sample = standard.apply(vectors[candidates])
        chosen = _far_apart(sample)
        places = np.vstack((np.zeros(sample.shape[1]), sample[chosen]))
        of_rows = [f"{name}: distance from row {row}" for row in candidates[chosen]]
        state = pack(centre=standard.centre, scale=standard.scale, places=places)
        return cls(name, [f"{name}: distance from the middle", *of_rows], state)

    @property
    def length(self) -> int:
        """Of the vectors."""
        return int(_points(self.state).places.shape[1])

    def distances(self, vectors: Floats) -> Floats:
        """Measure the distances of some rows, [rows, points]; NaN for those that are missing."""
        standard, places = _points(self.state)
        if vectors.shape[1] != places.shape[1]:
            return np.full((len(vectors), len(places)), np.nan)
        rows = standard.apply(vectors)
        squares = (rows**2).sum(axis=1)[:, None] - 2 * rows @ places.T + (places**2).sum(axis=1)
        distances: Floats = np.sqrt(np.round(np.maximum(squares, 0.0) / places.shape[1], _DIGITS))
        distances[np.isnan(vectors).all(axis=1)] = np.nan
        return distances

    def in_place(self, table: Table) -> Table:
        """Put the numbers in the place of the column."""
        columns = {name: cells for name, cells in table.columns.items() if name != self.name}
        vectors = np.asarray(table.columns[self.name], float)
        columns.update(zip(self.names, self.distances(vectors).T.copy(), strict=True))
        return table._replace(columns=columns)


@lru_cache(maxsize=64)
def _points(state: bytes) -> _Points:
    arrays = unpack(state)
    return _Points(Standard(arrays["centre"], arrays["scale"]), arrays["places"])


def _far_apart(rows: Floats) -> list[int]:
    """Choose rows as k-means++ does; fewer where there are no more that differ."""
    rng = np.random.default_rng(0)
    chosen: list[int] = []
    squares = np.ones(len(rows))
    while len(chosen) < _COUNT and squares.any():
        chosen.append(int(rng.choice(len(rows), p=squares / squares.sum())))
        fresh = ((rows - rows[chosen[-1]]) ** 2).sum(axis=1)
        squares = fresh if len(chosen) == 1 else np.minimum(squares, fresh)
    return chosen
