"""Turns the values of one column into a few bins whose shares the reference knows."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray
from scipy.special import gammaincinv

from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.edges import equal_shares

Codes = NDArray[np.intp]
BINS = 40
_BINS_MIN = 8
_ROWS_PER_BIN = 50
CATEGORIES = 30
"""Rarer categories than so many are counted together..."""
_OFTEN = 20
"""...and those that half of the reference has less often."""
_QUARTERS = 4
MISSING = -1
_SURE = 0.999
RARE = "rare categories"
NEW_VALUES = "share of new values"
"""What a move of them is called."""


class NumberBins(Struct, frozen=True, tag="number"):
    """Bins of about equal share, or one for each value where the reference has few of them.

    >>> bins = NumberBins.of(np.array([0.0, 1.0, 1.0, 0.0]))
    >>> bins.codes(np.array([0.0, 1.0, np.nan])).tolist()
    [0, 1, -1]
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: Floats) -> "NumberBins":
        """Fit the bins to values that are all finite; a column of one value gets a bin on each side of it."""
        distinct = np.unique(values)
        if len(distinct) == 1:
            only = float(distinct[0])
            return cls((only, float(np.nextafter(only, np.inf))))
        if _are_few(distinct, len(values)):
            return cls(tuple(distinct[1:].tolist()))
        bins = max(_BINS_MIN, min(BINS, len(values) // _ROWS_PER_BIN))
        return cls(tuple(equal_shares(values, bins).tolist()))

    @property
    def count(self) -> int:
        """Count the bins."""
        return len(self.edges) + 1

    @property
    def names(self) -> list[str]:
        """Name each bin."""
        edges = [f"{edge:.6g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(edges)]
        return [f"below {edges[0]}", *between, f"{edges[-1]} and above"]

    def codes(self, values: Floats) -> Codes:
        """Give the bin of each value; `MISSING` for what is not finite."""
        codes = np.searchsorted(np.array(self.edges), values, side="right")
        unusable = ~np.isfinite(values)
        if unusable.any():
            codes[unusable] = MISSING
        return codes


class NewValues(Struct, frozen=True, tag="new"):
    """Tells the values that the reference never had: beyond its range, or others where it has but a few.

    >>> NewValues.of(np.array([1.0, 2.0, 1.0] * 50)).codes(np.array([1.0, 1.5, 3.0, np.nan])).tolist()
    [0, 1, 1, -1]
    """

    low: float
    high: float
    values: tuple[float, ...] = ()
    """The only ones that are known; none: all within the range are."""

    @classmethod
    def of(cls, values: Floats) -> "NewValues":
        """Fit values that are all finite."""
        distinct = np.unique(values)
        few = tuple(distinct.tolist()) if _are_few(distinct, len(values)) else ()
        return cls(float(distinct[0]), float(distinct[-1]), few)

    def upwards(self) -> "NewValues":
        """Give the same for losses, of which only larger ones matter."""
        return NewValues(-np.inf, self.high)

    def far(self) -> "NewValues":
        """Give the same for those only that lie beyond by more than the range is wide.

        >>> NewValues(0.0, 10.0).far().codes(np.array([-5.0, 19.0, 21.0])).tolist()
        [0, 0, 1]
        """
        width = self.high - self.low
        return NewValues(self.low - width, self.high + width)

    @staticmethod
    def are_near(values: Floats) -> bool:
        """Whether no quarter of the rows has values that would be far out for another one, as rain may be.

        >>> NewValues.are_near(np.tile([0.0, 1.0, 2.0], 40)), NewValues.are_near(np.repeat([0.0, 3.0], 60))
        (True, False)
        """
        quarters = [each[np.isfinite(each)] for each in np.array_split(values, _QUARTERS)]
        known = [NewValues(float(each.min()), float(each.max())).far() for each in quarters if len(each)]
        return not any(far.codes(values).max() > 0 for far in known)

    def codes(self, values: Floats) -> Codes:
        """Give 1 for a new value, 0 for a known one; `MISSING` for what is not finite."""
        new = (values < self.low) | (values > self.high)
        if self.values:
            known = np.array(self.values)
            new |= known.take(np.searchsorted(known, values), mode="clip") != values
        codes = new.astype(np.intp)
        codes[~np.isfinite(values)] = MISSING
        return codes

    def as_new(self, values: Floats) -> Codes:
        """Give the codes of the reference's rows by what the other half of it has."""
        halves = np.array_split(values, 2)
        known = [half[np.isfinite(half)] for half in halves]
        if not all(len(half) for half in known):
            return self.codes(values)
        first, second = (
            replace(self, low=max(self.low, half.min()), high=half.max(), values=self._among(half))
            for half in known
        )
        return np.concatenate((second.codes(halves[0]), first.codes(halves[1])))

    def _among(self, values: Floats) -> tuple[float, ...]:
        return tuple(np.unique(values).tolist()) if self.values else ()


class CategoryBins(Struct, frozen=True, weakref=True, tag="category"):
    """A bin for each common category, one for rare ones together, one for those never seen.

    >>> bins = CategoryBins.of(["a", "b", "a", None] * 50)
    >>> bins.codes(["b", "new", None]).tolist()
    [1, 2, -1]
    """

    known: tuple[str, ...]
    rare: tuple[str, ...] = ()
    unseen: float = 0.0
    """Share of rows to come whose category has not been seen yet: Good and Turing's, of those seen once."""

    @classmethod
    def of(cls, values: Sequence[Any], among: Collection[str] | None = None) -> "CategoryBins":
        """Fit the bins; None is missing, and what is not `among` those given counts as unseen.

        Which categories are common is decided by half of the rows, drawn at random, and how common they are
        by the others (`shares`): who comes out on top by chance would be less common afterwards.
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

    def basis(self, codes: Codes) -> Codes:
        """Give the rows that say how common the bins are."""
        return codes[~_half(len(codes))] if self.rare else codes

    def as_new(self, values: Sequence[Any], codes: Codes) -> Codes:
        """Give the bins of the reference's rows with those unseen that the other half of it does not have.

        All its categories were seen: only so does it show whether new ones come in bursts.

        >>> bins = CategoryBins.of(["a", "b", "a", "c"])
        >>> bins.as_new(["a", "b", "a", "c"], bins.codes(["a", "b", "a", "c"])).tolist()
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
        """Count the bins."""
        return len(self.known) + bool(self.rare) + 1

    @property
    def names(self) -> list[str]:
        """Name each bin."""
        return [*self.known, *([RARE] if self.rare else []), "unseen categories"]

    def codes(self, values: Sequence[Any]) -> Codes:
        """Give the bin of each value; `MISSING` for None."""
        index = _INDICES.get(self)
        if index is None:
            index = _INDICES[self] = _Index(self)
        return np.fromiter(map(index.__getitem__, values), np.intp, len(values))


class _Index(dict[Any, int]):
    """The bin of each category, and of those that were never seen."""

    def __init__(self, bins: CategoryBins) -> None:
        super().__init__(zip(bins.known, range(len(bins.known)), strict=True))
        self.update(dict.fromkeys(bins.rare, len(bins.known)))
        self[None] = MISSING
        self._unseen = bins.count - 1

    def __missing__(self, value: Any) -> int:
        return self._unseen


_INDICES: WeakKeyDictionary[CategoryBins, _Index] = WeakKeyDictionary()
"""Built once for each bins, and gone with them: a column may have thousands of rare categories."""


Bins = NumberBins | CategoryBins | NewValues


def at_most(seen: float, rows: int) -> float:
    """Give the share that what was seen so many times in so many rows hardly exceeds: Poisson's bound.

    >>> round(at_most(0, 1000), 4), round(at_most(100, 1000), 3)
    (0.0069, 0.135)
    """
    return min(0.5, float(gammaincinv(seen + 1, _SURE)) / max(1, rows))


def _are_few(distinct: Floats, rows: int) -> bool:
    """Whether each value can have a bin of its own."""
    return len(distinct) <= min(BINS, max(_BINS_MIN, rows // _ROWS_PER_BIN))


def shares(codes: Codes, count: int, unseen: float = 0.0) -> Floats:
    """Give each bin's share of the usable values, half a row added to each, so that none is impossible.

    What the last bin lacks to the share `unseen` is taken from the one before it: of rows like those that had
    a rare category for the first time.

    >>> shares(np.array([0, 0, 1, -1]), 3).round(2).tolist()
    [0.56, 0.33, 0.11]
    """
    counts = np.bincount(codes[codes >= 0], minlength=count) + 0.5
    moved = min(unseen * counts.sum(), counts[-2] - 0.5)
    counts[-1], counts[-2] = counts[-1] + moved, counts[-2] - moved
    smoothed: Floats = counts / counts.sum()
    return smoothed


def _half(rows: int) -> NDArray[np.bool_]:
    """Draw half of some rows, the same ones each time: every second one might be of the same shop."""
    half: NDArray[np.bool_] = np.random.default_rng(rows).permutation(rows) % 2 == 0
    return half
