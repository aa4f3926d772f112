"""Encodes rows of numbers and categories as rows of floats."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from watchkeeper.detectors.multivariate.standard import Standard
from watchkeeper.detectors.profiles.columns import Floats

Cells = Floats | Sequence[str | None]
"""A column, shape (rows,): numbers with NaN where one is missing, or texts with None."""
_LEVELS = 10
"""The most levels of a category that have a column each. Chosen by hand: each adds a column to every
score."""
_SHARE_MIN = 0.005
"""The smallest share of the rows for a level to have a column of its own. Chosen by hand: rarer levels would
be constant in short references."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Encodes a mixed table as floats with a mean of about 0 and a deviation of about 1 in the reference.

    Numbers become deviations from the median. A category becomes one column for each of its 10 most frequent
    levels except the first, if the level has at least 0.5 % of the rows, and one for all others, known or
    not: 1 or 0, on the same scale. A missing value becomes the reference's median, which for a category is
        its
    most frequent level. So the result has no NaN, and no collinear columns that the data did not have.

    Cost: 5 ns per number, 80 ns per category.

    Args:
        names: The names of the encoded columns.
        sources: The column that each encoded column comes from.
        levels: The levels of each category, the most frequent first.
        standard: The scale of the encoded columns.

    >>> encoder = Encoder.of({"age": np.arange(9.0), "country": list("aaaaabbbc")})
    >>> encoder.names
    ['age', 'country=b', 'country=c', 'country=other']
    >>> encoder.rows({"age": np.array([4.0, np.nan]), "country": ["b", None]}).round(1).tolist()
    [[0.0, 2.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """

    names: list[str]
    sources: list[str]
    levels: dict[str, list[str]]
    standard: Standard

    @classmethod
    def of(cls, table: Mapping[str, Cells], levels: int = _LEVELS) -> Self:
        """Learn from the reference.

        Args:
            table: The columns by name, all of the same length.
            levels: The most levels of a category that are encoded.

        Raises:
            ValueError: There are fewer than 8 rows, or no columns.
        """
        known = {name: _frequent(cells, levels) for name, cells in table.items() if not _is_number(cells)}
        names, sources = [], []
        for name in table:
            for level in (f"={level}" for level in [*known[name][1:], "other"]) if name in known else [""]:
                names.append(name + level)
                sources.append(name)
        return cls(names, sources, known, Standard.of(_raw(table, list(table), known)))

    def rows(self, table: Mapping[str, Cells]) -> Floats:
        """Encode rows.

        Args:
            table: The columns by name, those of the reference among them.

        Returns:
            The encoded rows, shape (rows, len(names)), without NaN.

        Raises:
            ValueError: A column of the reference is missing.
        """
        columns = list(dict.fromkeys(self.sources))
        if missing := [name for name in columns if name not in table]:
            raise ValueError(f"the rows lack the column {missing[0]!r} of the reference")
        return self.standard.apply(_raw(table, columns, self.levels))


def _raw(table: Mapping[str, Cells], columns: Sequence[str], levels: Mapping[str, Sequence[str]]) -> Floats:
    blocks = [
        _indicators(table[name], levels[name]) if name in levels else np.asarray(table[name], float)[:, None]
        for name in columns
    ]
    if not blocks:
        raise ValueError("a table needs at least one column")
    return np.hstack(blocks)


def _indicators(cells: Cells, levels: Sequence[str]) -> Floats:
    """Give a column of 0 and 1 for each level except the first, then one for all others; NaN is missing."""
    other = max(len(levels), 1)
    index: dict[str | None, int] = {level: position for position, level in enumerate(levels)}
    index[None] = -1
    codes = np.fromiter((index.get(cell, other) for cell in cells), np.intp, len(cells))
    indicators = np.zeros((len(codes), other + 1))
    indicators[np.arange(len(codes)), codes] = 1.0
    indicators[codes < 0] = np.nan
    return indicators[:, 1:]


def _frequent(cells: Cells, levels: int) -> list[str]:
    counts = Counter(str(cell) for cell in cells if cell is not None)
    least = _SHARE_MIN * counts.total()
    frequent = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:levels]
    return [level for level, count in frequent if count >= least]


def _is_number(cells: Cells) -> bool:
    return isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub"
