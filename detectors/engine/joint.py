"""Rows seen as a whole: what no column shows by itself."""

from functools import lru_cache
from typing import Self

import numpy as np
from msgspec import Struct

from detectors.columns import Floats
from detectors.engine.table import Table
from detectors.multivariate.mahalanobis import Mahalanobis
from detectors.multivariate.pca import PcaError

PCA = "all numbers (PCA error)"
DISTANCE = "all numbers (Mahalanobis)"
JOINT = (PCA, DISTANCE)
_COLUMNS_MIN = 2
_ROWS_PER_COLUMN = 50
"""Fewer rows of the reference do not tell how columns go together."""


class Joint(Struct):
    """Two numbers of each row: how far it is from what columns have in common, and from the reference at all.

    Correlations that break and regions that were empty show in them. In the reference they are those of rows
    that the fit has not seen. Cost: 0.5 us per row of 16 columns. See `detectors.multivariate`.
    """

    names: list[str]
    pca: bytes
    distance: bytes

    @classmethod
    def fit(cls, reference: Table, names: list[str]) -> tuple[Self, Table] | None:
        """Fit some columns of numbers, and add both to the reference; None for too few columns or rows."""
        if len(names) < _COLUMNS_MIN or reference.rows < _ROWS_PER_COLUMN * len(names):
            return None
        rows = _matrix(reference, names)
        pca, distance = PcaError().fit(rows), Mahalanobis().fit(rows)
        joint = cls(names, pca.snapshot(), distance.snapshot())
        return joint, _with(reference, pca.fit_scores(rows), distance.fit_scores(rows))

    def added(self, table: Table) -> Table:
        """Add both numbers to rows."""
        rows = _matrix(table, self.names)
        pca, distance = _scorers(self.pca, self.distance)
        return _with(table, pca.scores(rows), distance.scores(rows))


@lru_cache(maxsize=16)
def _scorers(pca: bytes, distance: bytes) -> tuple[PcaError, Mahalanobis]:
    return PcaError.restore(pca), Mahalanobis.restore(distance)


def _matrix(table: Table, names: list[str]) -> Floats:
    return np.column_stack([np.asarray(table.columns[name], float) for name in names])


def _with(table: Table, pca: Floats, distance: Floats) -> Table:
    return table._replace(columns={**table.columns, PCA: pca, DISTANCE: distance})
