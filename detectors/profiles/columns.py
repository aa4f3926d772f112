"""A batch of rows of one subject as columns, the input of profiles."""

from dataclasses import dataclass
from itertools import compress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""An array of float64."""
Bools = NDArray[np.bool_]
"""An array of booleans."""


@dataclass(slots=True)
class Columns:
    """A batch of rows of one subject, without an object per row.

    >>> batch = Columns(2, np.array([[20.0, np.nan]]), [["EWR", None]])
    >>> batch.take(np.array([0])).categories
    [['EWR']]
    """

    rows: int
    """The number of rows."""
    numbers: Floats
    """The numeric features, shape (features, rows). NaN is no usable value: absent, null, not finite or of a
    wrong type."""
    categories: list[list[str | None]]
    """A list for each category or boolean feature ("true", "false"). None is no usable value."""
    wrong_type: Bools | None = None
    """Whether a value is of a wrong type, shape (numeric, then category features, then, if it is known, the
    output; rows). None: no value is."""
    scores: Floats | None = None
    """The score of a classification or the value of a regression, shape (rows,). NaN is none."""
    latency_ms: Floats | None = None
    """The serving latency in milliseconds, shape (rows,). NaN is none."""
    labelled: Bools | None = None
    """Whether the model published a label, shape (rows,). None: it is not known, or not asked."""

    def take(self, index: NDArray[Any]) -> Self:
        """Select rows.

        Args:
            index: Positions of rows, or a mask of booleans of shape (rows,).
        """
        return type(self)(
            rows=int(np.count_nonzero(index)) if index.dtype == bool else len(index),
            numbers=self.numbers[:, index],
            categories=[_select(column, index) for column in self.categories],
            wrong_type=None if self.wrong_type is None else self.wrong_type[:, index],
            scores=None if self.scores is None else self.scores[index],
            latency_ms=None if self.latency_ms is None else self.latency_ms[index],
            labelled=None if self.labelled is None else self.labelled[index],
        )

    def chunks(self, rows: int) -> "list[Columns]":
        """Cut the batch into smaller ones.

        Args:
            rows: The most rows of each.
        """
        if self.rows <= rows:
            return [self]
        return [self._cut(slice(start, start + rows)) for start in range(0, self.rows, rows)]

    def _cut(self, span: slice) -> "Columns":
        return Columns(
            rows=len(range(*span.indices(self.rows))),
            numbers=self.numbers[:, span],
            categories=[column[span] for column in self.categories],
            wrong_type=None if self.wrong_type is None else self.wrong_type[:, span],
            scores=None if self.scores is None else self.scores[span],
            latency_ms=None if self.latency_ms is None else self.latency_ms[span],
            labelled=None if self.labelled is None else self.labelled[span],
        )


def _select(column: list[str | None], index: NDArray[Any]) -> list[str | None]:
    if index.dtype == bool:
        return list(compress(column, index.tolist()))
    return [column[position] for position in index.tolist()]
