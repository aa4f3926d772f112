"""Rows seen as a whole: what no column shows by itself."""

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
DISTANCE = "all numbers (Mahalanobis)"
JOINT = (PCA, DISTANCE)
_COLUMNS_MIN = 2
_ROWS_PER_COLUMN = 50
"""Fewer rows of the reference do not tell how columns go together."""
_FITS = 4
"""They divide a block, so that a row's fit does not depend on how rows are cut."""
_DIGITS = 9
"""Equal rows have equal scores, whatever order a processor adds up in."""


class Joint(Struct):
    """Two numbers of each row: how far it is from what columns have in common, and from the reference at all.

    Correlations that break and regions that were empty show in them. Each quarter of the reference is scored
    by a fit on the others, and new rows by the four fits in turns: so both are scored alike by fits that have
    not seen them. With one fit on all of the reference for new rows, values of few kinds fell into other bins
    than the same values of the reference. Cost: 0.5 us per row of 16 columns. See `detectors/multivariate/`.

    Paper: Barber et al. (2021), Predictive inference with the jackknife+.
    """

    names: list[str]
    fits: bytes

    @classmethod
    def fit(cls, reference: Table, names: list[str]) -> tuple[Self, Table] | None:
        """Fit some columns of numbers, and add both to the reference; None for too few columns or rows."""
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
        """Add both numbers to rows."""
        return _with(table, *_restored(self.fits).scores(_matrix(table, self.names)))


class _Fits(NamedTuple):
    """What was learned: [fits, columns], and the projections of both scores, [fits, columns, directions]."""

    centre: Floats
    scale: Floats
    mean: Floats
    pca: Floats
    distance: Floats

    @classmethod
    def of(cls, kinds: tuple[PcaError, Mahalanobis], rows: Floats) -> "_Fits":
        """Fit some rows, with the choices that were made for all."""
        pca, distance = (kind.alike().fit(rows).learned() for kind in kinds)
        centre, scale, mean = (pca[name][None] for name in ("centre", "scale", "mean"))
        return cls(centre, scale, mean, pca["matrix"][None], distance["matrix"][None])

    def scores(self, rows: Floats) -> Floats:
        """Score rows by each of the fits in turns: [2, rows]."""
        fits, columns = self.mean.shape
        padded = np.zeros((-(-len(rows) // fits), fits, columns))
        padded.reshape(-1, columns)[: len(rows)] = rows
        by_fit = (deviations(padded, self.centre, self.scale) - self.mean).transpose(1, 0, 2)
        lengths = [_lengths(by_fit @ matrix).T.ravel()[: len(rows)] for matrix in (self.pca, self.distance)]
        return np.round(lengths, _DIGITS)


def _lengths(coordinates: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.einsum("kij,kij->ki", coordinates, coordinates))
    return lengths


@lru_cache(maxsize=16)
def _restored(fits: bytes) -> _Fits:
    return _Fits(**unpack(fits))


def _matrix(table: Table, names: list[str]) -> Floats:
    return np.column_stack([np.asarray(table.columns[name], float) for name in names])


def _with(table: Table, pca: Floats, distance: Floats) -> Table:
    return table._replace(columns={**table.columns, PCA: pca, DISTANCE: distance})
