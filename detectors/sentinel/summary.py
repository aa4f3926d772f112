"""What people know a column by: mean, deviation, shares."""

from collections import Counter
from collections.abc import Collection

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.bins import NEW_VALUES, RARE, NewValues
from watchkeeper.detectors.tables.table import Cells

_NONE = float("nan")
_LARGEST = 1e100
"""Larger values would have no square."""


class Summary(Struct):
    """A column over some rows."""

    missing: float
    mean: float = _NONE
    spread: float = _NONE
    skew: float = _NONE
    low: float = _NONE
    high: float = _NONE
    """The reference's 5 % and 95 % quantiles."""
    tails: float = _NONE
    """The share of rows beyond them."""
    shares: dict[str, float] | None = None
    known: NewValues | None = None
    """What the reference has, if it is of numbers..."""
    new: float = 0.0
    """...and the share of rows with anything else."""

    def of(self, move: str, rare: Collection[str] = ()) -> float:
        """Give the number that a move is of; `rare` are the categories that are counted together."""
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
    """Sum a column up; `like` gives the reference, whose quantiles say what tails are.

    >>> summary = of_cells(np.array([1.0, 3.0, np.nan]))
    >>> summary.of("mean"), round(summary.of("share of missing values"), 2)
    (2.0, 0.33)
    """
    if isinstance(cells, list):
        counts = Counter(cell for cell in cells if cell is not None)
        usable_rows = max(1, counts.total())
        shares = {name: count / usable_rows for name, count in counts.items()}
        if like is not None and like.shares is not None:
            shares["unseen categories"] = sum(
                share for name, share in shares.items() if name not in like.shares
            )
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
