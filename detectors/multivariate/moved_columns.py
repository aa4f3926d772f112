"""Ranks columns, bins and segments by the share of a change that each explains."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from scipy.special import rel_entr

from watchkeeper.detectors.profiles.buckets import Counts
from watchkeeper.detectors.profiles.columns import Floats

_SHOWN = 5
"""Default number of parts that are listed for a column."""


class MovedPart(Struct, frozen=True):
    """A bin, a category or a segment that moved."""

    name: str
    """The name of the bin, category or segment."""
    share: float
    """Its share of the column's divergence, 0 to 1."""
    before: float
    """Its share of the reference's rows."""
    now: float
    """Its share of the current rows."""


class MovedColumn(Struct, frozen=True):
    """A column of a table, with the parts of it that moved most."""

    name: str
    """The name of the column."""
    share: float
    """Its share of the divergence of all columns; 0 if it moved no more than by chance."""
    divergence: float
    """Jensen-Shannon divergence in bits, less its average without a change: 0 is unmoved, 1 is disjoint."""
    parts: list[MovedPart]
    """The parts that moved most, the largest share first."""


def moved_columns(
    reference: Mapping[str, Mapping[str, int]], current: Mapping[str, Mapping[str, int]], parts: int = _SHOWN
) -> list[MovedColumn]:
    """Rank columns by how far they moved.

    The Jensen-Shannon divergence is a sum over bins of (r log2(r / m) + c log2(c / m)) / 2, m = (r + c) / 2.
    No term is negative, so each bin's share of its column and each column's share of all is exact, in any
    order. Its average without a change, (B - 1)(1/n + 1/m) / (8 ln 2), is subtracted from each column's.

    Paper: Lin (1991), Divergence measures based on the Shannon entropy. Cost: 10 us per column.

    Args:
        reference: The counts of the bins or categories of each column before, by name.
        current: The counts now; columns that only one side has are left out.
        parts: The most parts to list for a column.

    Returns:
        The columns, the one that moved most first.

    >>> then = {"country": {"NL": 500, "DE": 500}, "device": {"web": 900, "app": 100}}
    >>> now = {"country": {"NL": 505, "DE": 495}, "device": {"web": 500, "app": 500}}
    >>> [(column.name, column.share, column.parts[0].name) for column in moved_columns(then, now)]
    [('device', 1.0, 'app'), ('country', 0.0, 'DE')]
    """
    found = {name: _column(reference[name], current[name]) for name in reference if name in current}
    excess = {name: float(max(0.0, terms.sum() - chance)) for name, (_, terms, _, chance) in found.items()}
    total = sum(excess.values())
    ranked = [
        MovedColumn(name, _ratio(excess[name], total), excess[name], _parts(names, terms, shares, parts))
        for name, (names, terms, shares, _) in found.items()
    ]
    return sorted(ranked, key=lambda column: (-column.divergence, column.name))


def moved_segments(
    reference: Mapping[str, Counts], current: Mapping[str, Counts], parts: int = _SHOWN
) -> tuple[float, list[MovedPart]]:
    """Split a column's divergence over segments: the change of their mix, and the changes within each.

    With P and Q the shares of segments, the divergence of (segment, bin) is, by the chain rule of Kullback
    and Leibler,

        JS(P, Q) + sum over segments of (the terms of its bins, less the term of the segment),

    all of it additive and not negative.

    Paper: Kullback and Leibler (1951), On information and sufficiency. Cost: 5 us per segment.

    Args:
        reference: The counts of the column's bins before, by segment, each of shape (bins,).
        current: The counts now.
        parts: The most segments to list.

    Returns:
        The share of the change of the mix, and the segments with theirs, the largest first.

    >>> then = {"EWR": np.array([50, 50]), "JFK": np.array([50, 50])}
    >>> now = {"EWR": np.array([50, 50]), "JFK": np.array([90, 10])}
    >>> mix, segments = moved_segments(then, now)
    >>> mix, segments[0].name, segments[0].share
    (0.0, 'JFK', 1.0)
    """
    names = sorted(reference.keys() | current.keys())
    size = max(len(counts) for counts in [*reference.values(), *current.values()])
    r, c = (
        np.array([side.get(name, np.zeros(size)) for name in names], float) for side in (reference, current)
    )
    if not (r.sum() and c.sum()):
        return 0.0, []
    r, c = r / r.sum(), c / c.sum()
    mix = _terms(r.sum(axis=1), c.sum(axis=1))
    within = np.maximum(_terms(r, c).sum(axis=1) - mix, 0.0)
    total = float(mix.sum() + within.sum())
    shares = np.column_stack((r.sum(axis=1), c.sum(axis=1)))
    return _ratio(float(mix.sum()), total), _parts(names, within, shares, parts, total)


def _column(then: Mapping[str, int], now: Mapping[str, int]) -> tuple[list[str], Floats, Floats, float]:
    """Give the names of bins, the terms of the divergence, shares before and now, and the chance average."""
    names = list(dict.fromkeys([*then, *now]))
    counts = np.array([[side.get(name, 0) for name in names] for side in (then, now)], float).reshape(2, -1)
    n, m = counts.sum(axis=1)
    if not (n and m):
        return names, np.zeros(len(names)), np.zeros((len(names), 2)), 0.0
    shares = counts.T / (n, m)
    filled = int(np.count_nonzero(shares.sum(axis=1)))
    chance = (filled - 1) * (1 / n + 1 / m) / (8 * np.log(2))
    return names, _terms(shares[:, 0], shares[:, 1]), shares, float(chance)


def _terms(r: Floats, c: Floats) -> Floats:
    middle = (r + c) / 2
    terms: Floats = np.maximum(rel_entr(r, middle) + rel_entr(c, middle), 0.0) / (2 * np.log(2))
    return terms


def _parts(
    names: Sequence[str], terms: Floats, shares: Floats, shown: int, total: float | None = None
) -> list[MovedPart]:
    whole = float(terms.sum()) if total is None else total
    ranked = sorted(range(len(names)), key=lambda index: (-terms[index], names[index]))
    return [
        MovedPart(names[i], _ratio(float(terms[i]), whole), float(shares[i, 0]), float(shares[i, 1]))
        for i in ranked[:shown]
    ]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
