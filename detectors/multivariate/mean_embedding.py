"""Sums of vectors, which merge, and how far two of them are apart."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats

_STEPS = 2.0**20
"""Of one unit: sums are of whole steps, which integers add without an error."""


@dataclass(frozen=True, slots=True)
class MeanEmbedding:
    """The sum of unit vectors that stand for rows.

    Merging is exact in any order, as sums are of whole numbers. 2 kB for 256 features, whatever the rows.

    >>> one, two = MeanEmbedding.of(np.eye(2)), MeanEmbedding.of(np.eye(2)[:1])
    >>> one.merge(two).rows, one.merge(two).mean.round(2).tolist()
    (3, [0.67, 0.33])
    """

    rows: int
    sums: NDArray[np.int64]

    @classmethod
    def of(cls, vectors: Floats) -> Self:
        """Sum vectors, [rows, D]."""
        return cls(len(vectors), np.rint(vectors * _STEPS).astype(np.int64).sum(axis=0))

    def merge(self, other: Self) -> Self:
        """Give the sum of both."""
        return type(self)(self.rows + other.rows, self.sums + other.sums)

    @property
    def mean(self) -> Floats:
        """Give the mean vector; NaN of no rows."""
        return self.sums / _STEPS / self.rows if self.rows else np.full(self.sums.shape, np.nan)

    def snapshot(self) -> bytes:
        """Encode the sum."""
        return pack(rows=np.array(self.rows), sums=self.sums)

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the sum that a snapshot was taken of."""
        arrays = unpack(state)
        return cls(int(arrays["rows"]), arrays["sums"])


def squared_mmd(one: MeanEmbedding, two: MeanEmbedding) -> float:
    """Give the squared maximum mean discrepancy of two sets of rows, 0 on average if they are alike.

    U = (|S|^2 - n) / n(n - 1) + (|T|^2 - m) / m(m - 1) - 2 S'T / nm, S and T the sums over n and m rows: the
    mean kernel within each, no row with itself, less twice that between them. It needs no pass over pairs, as
    every vector has length 1. Paper: Gretton et al. (2012), A kernel two-sample test. Cost: 1 us.

    >>> round(squared_mmd(MeanEmbedding.of(np.eye(3)), MeanEmbedding.of(np.eye(3)[:2])), 2)
    -0.67
    """
    if min(one.rows, two.rows) < 2:
        raise ValueError(f"both sets need at least 2 rows, got {one.rows} and {two.rows}")
    s, t = one.mean, two.mean
    within = _within(float(s @ s), one.rows) + _within(float(t @ t), two.rows)
    return within - 2 * float(s @ t)


def _within(square: float, rows: int) -> float:
    return (rows * square - 1) / (rows - 1)
