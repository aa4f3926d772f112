"""The scores of rows in order of time. They are looked up in chunks, never all at once."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from watchkeeper.detectors.engine.bins import Codes
from watchkeeper.detectors.engine.season import HOUR_MS, Hourly, Season
from watchkeeper.detectors.profiles.columns import Floats

CHUNK = 8192
"""Number of rows that are looked up together. Chosen by hand: their scores stay in the processor's cache."""


class Series(Protocol):
    """Scores of shape (rows, series): an array, or `Scored`."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Floats: ...


class Scored:
    """The scores of rows, by their bins, minus the usual mean at their times.

    A row without a bin has scores of 0 before the subtraction. Cost: memory for the codes, not for the
    scores.

    Args:
        codes: Bin of each row, or -1, of shape (rows,).
        table: Scores of each bin, of shape (series, bins).
        season: The usual means; None if there is no season.
        times_ms: Times of the rows in milliseconds since 1970, of shape (rows,).

    >>> scored = Scored(np.array([0, 1, -1]), np.array([[2.0, 3.0]]))
    >>> len(scored), scored[0:3].tolist()
    (3, [[2.0], [3.0], [0.0]])
    """

    def __init__(
        self, codes: Codes, table: Floats, season: Season | None = None, times_ms: Floats | None = None
    ) -> None:
        self._codes, self._season, self._times_ms = codes, season, times_ms
        self._scores = np.vstack((table.T, np.zeros(len(table))))  # a code of -1 finds the last row

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, rows: slice) -> Floats:
        scores: Floats = self._scores[self._codes[rows]]
        if self._season is not None and self._times_ms is not None:
            scores -= self._season.expected(self._times_ms[rows])
        return scores


def chunks(series: Series) -> Iterator[tuple[slice, Floats]]:
    """Yield the scores of all rows, chunk by chunk, with their positions.

    Args:
        series: Scores of shape (rows, series).
    """
    for at in range(0, len(series), CHUNK):
        rows = slice(at, at + CHUNK)
        yield rows, series[rows]


def hourly(series: Series, times_ms: Floats) -> Hourly:
    """Sum scores by the hour.

    Args:
        series: Scores of shape (rows, series).
        times_ms: Times of the rows in milliseconds since 1970, of shape (rows,).

    >>> hourly(np.array([[1.0], [2.0], [4.0]]), np.array([0.0, 1.0, 3_600_000.0])).sums.tolist()
    [[3.0], [4.0]]
    """
    hours, at = np.unique(np.floor(times_ms / HOUR_MS), return_inverse=True)
    sums = np.zeros((len(hours), series[0:1].shape[1]))
    for rows, scores in chunks(series):
        begins = np.flatnonzero(np.diff(at[rows], prepend=-1))
        np.add.at(sums, at[rows][begins], np.add.reduceat(scores, begins, axis=0))
    return Hourly(hours, sums, np.bincount(at, minlength=len(hours)).astype(float))
