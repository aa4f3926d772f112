"""Joint scores: two numbers that describe all numbers of a row together."""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.multivariate.mahalanobis import Mahalanobis
from watchkeeper.detectors.multivariate.pca import PcaError
from watchkeeper.detectors.multivariate.standard import deviations
from watchkeeper.detectors.multivariate.state import pack, unpack
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Table

PCA = "all numbers (PCA error)"
"""Name of the column of PCA errors."""
DISTANCE = "all numbers (Mahalanobis)"
"""Name of the column of Mahalanobis distances."""
JOINT = (PCA, DISTANCE)
"""Names of both columns."""
_COLUMNS_MIN = 2
"""Minimum number of columns that can correlate."""
_ROWS_PER_COLUMN = 50
"""Minimum number of reference rows for each column. Chosen by hand, raised from 20: twelve columns and
references of 300 rows raised false alarms (tests/detectors/sentinel/test_alarms.py)."""
_FITS = 4
"""Number of fits. It divides a block, so the fit that scores a row does not depend on how rows are cut."""
_DIGITS = 9
"""Number of decimals that scores are rounded to, so that equal rows have equal scores in any order of
summation."""


class Joint(Struct):
    """Adds the PCA error and the Mahalanobis distance of each row: they show broken correlations.

    Each quarter of the reference is scored by a fit on the other quarters, new rows by the four fits in turn.
    So fits that have not seen a row score it, in the reference as in the stream. With one fit on all of the
    reference, columns of few values had other scores in the reference than in the stream. Cost: 0.5 us per
    row of 16 columns. See `watchkeeper.detectors.multivariate`.

    Paper: Barber et al. (2021), Predictive inference with the jackknife+.
    """

    names: list[str]
    """Names of the columns that are scored together."""
    fits: bytes
    """The fits, packed."""

    @classmethod
    def fit(cls, reference: Table, names: list[str]) -> tuple[Self, Table] | None:
        """Fit columns of numbers. Return the fit and the reference with both scores; None for too few rows.

        Args:
            reference: Rows of the reference.
            names: Names of the columns.
        """
        if len(names) < _COLUMNS_MIN or reference.rows < _ROWS_PER_COLUMN * len(names):
            return None
        rows = _matrix(reference, names)
        kinds = PcaError().fit(rows), Mahalanobis().fit(rows)
        spans = [slice(*span) for span in pairwise(np.linspace(0, len(rows), _FITS + 1).astype(int))]
        each = [_Fits.of(kinds, np.delete(rows, span, axis=0)) for span in spans]
        known = np.hstack([fit.scores(rows[span]) for fit, span in zip(each, spans, strict=True)])
        joined = _Fits(*(np.concatenate(arrays) for arrays in zip(*each, strict=True)))
        return cls(names, pack(**joined._asdict())), _with(reference, *known)

    def added(self, table: Table) -> Table:
        """Return rows with both scores.

        Args:
            table: Rows with the fitted columns.
        """
        return _with(table, *_restored(self.fits).scores(_matrix(table, self.names)))


class _Fits(NamedTuple):
    """Centre, scale and mean, of shape (fits, columns); projections, of shape (fits, columns, directions)."""

    centre: Floats
    scale: Floats
    mean: Floats
    pca: Floats
    distance: Floats

    @classmethod
    def of(cls, kinds: tuple[PcaError, Mahalanobis], rows: Floats) -> "_Fits":
        """Fit rows, with the settings that were chosen on all rows.

        Args:
            kinds: Both scores, fitted on all rows.
            rows: Rows of shape (rows, columns).
        """
        pca, distance = (kind.alike().fit(rows).learned() for kind in kinds)
        centre, scale, mean = (pca[name][None] for name in ("centre", "scale", "mean"))
        return cls(centre, scale, mean, pca["matrix"][None], distance["matrix"][None])

    def scores(self, rows: Floats) -> Floats:
        """Score rows by the fits in turn; the result has the shape (2, rows).

        Args:
            rows: Rows of shape (rows, columns).
        """
        fits, columns = self.mean.shape
        padded = np.zeros((-(-len(rows) // fits), fits, columns))
        padded.reshape(-1, columns)[: len(rows)] = rows
        by_fit = (deviations(padded, self.centre, self.scale) - self.mean).transpose(1, 0, 2)
        lengths = [_lengths(by_fit @ matrix).T.ravel()[: len(rows)] for matrix in (self.pca, self.distance)]
        return np.round(lengths, _DIGITS)


def _lengths(coordinates: Floats) -> Floats:
    """Return the Euclidean norms over the last axis."""
    lengths: Floats = np.sqrt(np.einsum("kij,kij->ki", coordinates, coordinates))
    return lengths


@lru_cache(maxsize=16)
def _restored(fits: bytes) -> _Fits:
    """Unpack fits."""
    return _Fits(**unpack(fits))


def _matrix(table: Table, names: list[str]) -> Floats:
    """Return columns as an array of shape (rows, columns)."""
    return np.column_stack([np.asarray(table.columns[name], float) for name in names])


def _with(table: Table, pca: Floats, distance: Floats) -> Table:
    """Return a table with both scores."""
    return table._replace(columns={**table.columns, PCA: pca, DISTANCE: distance})
