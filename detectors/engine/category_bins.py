"""Bins of categories: one for each common category, one for rare ones, one for unseen ones."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from watchkeeper.detectors.engine.bins import MISSING, Codes

CATEGORIES = 30
"""Maximum number of categories with a bin of their own; rarer ones share a bin. Chosen by hand: each bin
costs time and a share of the budget."""
_OFTEN = 20
"""Minimum number of rows, in half of the reference, of a category with a bin of its own.

Chosen by hand: with fewer rows its share is too uncertain, and chance raises alarms (commit 3c1ca59).
"""
RARE = "rare categories"
"""Name of the bin of rare categories."""
UNSEEN = "unseen categories"
"""Name of the bin of categories that the reference does not have."""


class CategoryBins(Struct, frozen=True, weakref=True, tag="category"):
    """A bin for each common category, one for all rare categories, one for unseen categories.

    >>> bins = CategoryBins.of(["a", "b", "a", None] * 50)
    >>> bins.codes(["b", "new", None]).tolist()
    [1, 2, -1]
    """

    known: tuple[str, ...]
    """Categories with a bin of their own, most common first."""
    rare: tuple[str, ...] = ()
    """Categories that share a bin."""
    unseen: float = 0.0
    """Share of future rows whose category is unseen: Good and Turing's estimate, the share of those seen
    once."""

    @classmethod
    def of(cls, values: Sequence[Any], among: Collection[str] | None = None) -> "CategoryBins":
        """Fit the bins.

        A random half of the rows decides which categories are common. The other half measures their shares
        (see `shares`). The largest of many measured shares are partly large by chance, and fall later.

        Args:
            values: The reference's categories; None is missing.
            among: The categories that count as seen; default: all.
        """
        counts = Counter(value for value in values if value is not None)
        usable = max(1, counts.total())
        if among is not None:
            counts = Counter({name: count for name, count in counts.items() if name in among})
        drawn = zip(values, _half(len(values)).tolist(), strict=True)
        chosen = Counter(value for value, draws in drawn if draws and value in counts)
        ranked = sorted(chosen, key=lambda name: (-chosen[name], name))
        known = [name for name in ranked[:CATEGORIES] if chosen[name] >= _OFTEN]
        rare = sorted(counts.keys() - set(known))
        if len(rare) == 1:
            known, rare = [*known, *rare], []
        singles = sum(count == 1 for count in counts.values())
        return cls(tuple(known), tuple(rare), singles / usable)

    def unbiased(self, codes: Codes) -> Codes:
        """Return the codes of the rows from which the shares of the bins are estimated without bias.

        Args:
            codes: Codes of the reference's rows, of shape (rows,).
        """
        return codes[~_half(len(codes))] if self.rare else codes

    def cross_coded(self, values: Sequence[Any], codes: Codes) -> Codes:
        """Return the codes of the reference's rows, where a category is unseen if the other half lacks it.

        The reference has seen all of its categories. Only this coding shows whether new ones come in bursts.

        Args:
            values: The reference's categories in order of time.
            codes: Their codes, of shape (rows,).

        >>> bins = CategoryBins.of(["a", "b", "a", "c"])
        >>> bins.cross_coded(["a", "b", "a", "c"], bins.codes(["a", "b", "a", "c"])).tolist()
        [0, 1, 0, 1]
        """
        if not self.rare:
            return codes
        half = len(values) // 2
        first, second = set(values[:half]), set(values[half:])
        new = [value not in second for value in values[:half]] + [
            value not in first for value in values[half:]
        ]
        return np.where((codes >= 0) & new, self.count - 1, codes)

    @property
    def count(self) -> int:
        """Number of bins."""
        return len(self.known) + bool(self.rare) + 1

    @property
    def names(self) -> list[str]:
        """Name of each bin."""
        return [*self.known, *([RARE] if self.rare else []), UNSEEN]

    def codes(self, values: Sequence[Any]) -> Codes:
        """Return the bin of each value, of shape (rows,); `MISSING` for None.

        Args:
            values: Categories.
        """
        index = _INDICES.get(self)
        if index is None:
            index = _INDICES[self] = _Index(self)
        return np.fromiter(map(index.__getitem__, values), np.intp, len(values))


class _Index(dict[Any, int]):
    """The bin of each category; any other key is unseen."""

    def __init__(self, bins: CategoryBins) -> None:
        super().__init__(zip(bins.known, range(len(bins.known)), strict=True))
        self.update(dict.fromkeys(bins.rare, len(bins.known)))
        self[None] = MISSING
        self._unseen = bins.count - 1

    def __missing__(self, value: Any) -> int:
        return self._unseen


_INDICES: WeakKeyDictionary[CategoryBins, _Index] = WeakKeyDictionary()
"""The index of each bins object. It is built once and freed with the bins: there may be thousands of
categories."""


def _half(rows: int) -> NDArray[np.bool_]:
    """Draw a random half of the rows, always the same: every second row might be of the same shop."""
    half: NDArray[np.bool_] = np.random.default_rng(rows).permutation(rows) % 2 == 0
    return half
