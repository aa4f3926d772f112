"""Summaries of columns in the terms of people: mean, standard deviation, shares."""

from collections import Counter
from collections.abc import Collection

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.bins import NEW_VALUES, NewValues
from watchkeeper.detectors.engine.category_bins import RARE, UNSEEN
from watchkeeper.detectors.tables.table import Cells

_NONE = float("nan")
"""Value of a statistic that a column does not have."""
_LARGEST = 1e100
"""Largest absolute value that is summarised; larger ones are cut, because their squares overflow."""


class Summary(Struct):
    """A summary of one column over some rows."""

    missing: float
    """Share of missing values."""
    mean: float = _NONE
    """Mean of the numbers."""
    spread: float = _NONE
    """Standard deviation of the numbers."""
    skew: float = _NONE
    """Skewness of the numbers."""
    low: float = _NONE
    """5 % quantile of the reference."""
    high: float = _NONE
    """95 % quantile of the reference."""
    tails: float = _NONE
    """Share of numbers below `low` or above `high`."""
    shares: dict[str, float] | None = None
    """Share of each category; None for numbers."""
    known: NewValues | None = None
    """Numbers that the reference has; None for categories."""
    new: float = 0.0
    """Share of numbers that the reference does not have."""

    def of(self, move: str, rare: Collection[str] = ()) -> float:
        """Return the statistic that a move is about.

        Args:
            move: Name of the move, as in `Moved.move`.
            rare: The categories that share a bin.
        """
        if move == f"share of {RARE}":
            return sum((self.shares or {}).get(name, 0.0) for name in rare)
        if move == "share of missing values":
            return self.missing
        if move == NEW_VALUES:
            return self.new
        if move in ("mean", "spread", "skew", "tails"):
            return float(getattr(self, move))
        return (self.shares or {}).get(move.removeprefix("share of "), 0.0)


def of_cells(cells: Cells, like: Summary | None = None) -> Summary:
    """Summarise a column.

    Args:
        cells: Values of the column.
        like: Summary of the reference, whose quantiles and known values are used; None for the reference
            itself.

    >>> summary = of_cells(np.array([1.0, 3.0, np.nan]))
    >>> summary.of("mean"), round(summary.of("share of missing values"), 2)
    (2.0, 0.33)
    """
    if isinstance(cells, list):
        counts = Counter(cell for cell in cells if cell is not None)
        usable_rows = max(1, counts.total())
        shares = {name: count / usable_rows for name, count in counts.items()}
        if like is not None and like.shares is not None:
            shares[UNSEEN] = sum(share for name, share in shares.items() if name not in like.shares)
        return Summary(1 - counts.total() / max(1, len(cells)), shares=shares)
    usable = np.clip(cells[np.isfinite(cells)], -_LARGEST, _LARGEST)
    missing = 1 - len(usable) / max(1, len(cells))
    if not len(usable):
        return Summary(missing)
    low, high = np.quantile(usable, [0.05, 0.95]).tolist() if like is None else (like.low, like.high)
    spread = float(usable.std())
    skew = float(np.mean(((usable - usable.mean()) / spread) ** 3)) if spread > 0 else 0.0
    tails = float(np.mean((usable < low) | (usable > high)))
    known = NewValues.of(usable) if like is None else like.known
    new = 0.0 if known is None else float(known.codes(usable).mean())
    return Summary(missing, float(usable.mean()), spread, skew, low, high, tails, known=known, new=new)
