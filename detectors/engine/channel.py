"""Channels: what is watched of a column, such as its values, or which of them are missing or new."""

from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine import scores, season
from watchkeeper.detectors.engine.bank import Column
from watchkeeper.detectors.engine.bets import independent_margin, make_bets, share_margin
from watchkeeper.detectors.engine.bins import (
    NEW_VALUES,
    Codes,
    NewValues,
    NumericBins,
    share_upper_bound,
    shares,
)
from watchkeeper.detectors.engine.category_bins import CategoryBins
from watchkeeper.detectors.engine.season import Season
from watchkeeper.detectors.engine.series import Scored, hourly
from watchkeeper.detectors.engine.variability import measure_variability, with_bursts, with_powers
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Cells

Bins = NumericBins | CategoryBins | NewValues
"""Bins of any kind of column."""
Part = Literal["values", "missing", "new"]
"""What a channel watches of a column."""
Fit = tuple["Channel", Season | None]
"""A channel, and the season that was found in its scores."""
MISSING_BUDGET = 0.15
"""Share of a column's budget for the share of missing values. Chosen by hand: a larger share finds missing
values sooner, and changes of the others later."""
NEW_BUDGET = 0.05
"""Share of a column's budget for the share of new values; it is part of `MISSING_BUDGET`. Chosen by hand: a
larger share finds new values sooner, and other changes later."""
_LARGEST_ERROR = 0.75
"""Part of the possible error of a share that a bet on it pays for in its cost.

With it, ten flags of 1 % and references of 300 rows raise no alarm in 400,000 rows, and 26 without, where 4
are allowed (docs/adr/0010).
"""
_LONG_BURSTS = 4.0
"""Inflation above which only values far out count as new. Chosen by hand: with a larger one, new values are
found late in columns whose values come in bursts (commit 8fa40e3)."""
_MANY_MISSING = 0.02
"""Share of missing values above which a fall of it is watched, too. Chosen by hand: below it a fall shows
little."""
_MOMENTS_BUDGET = {"mean": 0.4, "spread": 0.3, "skew": 0.1, "tails": 0.2}
"""Share of a column's budget for each of its scores. Chosen by hand: a larger share finds that change sooner,
and others later."""
_WILD = 0.995
"""Quantile of the losses at which larger ones are cut before their mean is taken. Chosen by hand: an extreme
loss would decide the mean of its bin."""
_SHAPES = scores.MOMENTS.index("skew")
"""Index of the first score of shape."""
BOTH_SIDES = (1, -1)
"""Sides of bets on a rise and on a fall."""
ABOVE = (1,)
"""Side of bets on a rise only."""


class Channel(Struct):
    """Maps rows to scores, and holds the statistics of the scores in the reference."""

    name: str
    """Name of the column."""
    part: Part
    """What is watched of the column."""
    bins: Bins | None
    """Bins of the values; None for `missing`."""
    scores: list[list[float]]
    """Score of each bin, of shape (scores, bins)."""
    moves: list[str]
    """What moves if the mean of each score moves: `mean`, `spread`, ... or the share of a category."""
    column: Column
    """The bets."""
    weight: float
    """Share of the budget."""
    season: list[list[float]] | None = None
    """Usual means of the scores, of shape (hours of the cycle, scores); None without a season."""

    def codes(self, cells: Cells) -> Codes:
        """Return the bin of each row, of shape (rows,).

        Args:
            cells: The column's values.
        """
        if self.bins is None:
            return _is_missing(cells)
        return self.bins.codes(cells)  # type: ignore[arg-type]


class FitOptions(Struct, frozen=True):
    """Options that hold for all channels of a sentinel."""

    tolerance: float = 0.0
    """How far the mean of any score may move without harm, in standard deviations of the score."""
    losses: tuple[str, ...] = ()
    """Columns of which only a rise of the mean counts."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Groups of columns that replace one column of the table, and share its budget."""


class _Scoring(NamedTuple):
    """The scores of a part of a column, and the reference's rows by bin."""

    bins: Bins | None
    codes: Codes
    known: Floats
    table: Floats
    moves: list[str]
    weights: Floats
    rows: int
    """Number of rows from which the shares of the bins are estimated."""
    variability: tuple[Codes, Floats] | None = None
    """Codes and scores from which the variability is measured; None: those above."""
    tolerances: Floats | None = None
    """How far the mean of each score may move without harm, beside the owner's tolerance."""
    inflation_min: float = 1.0
    """Minimum inflation, for rows that are too few to show their dependence."""


def fit_values(
    name: str, cells: Cells, times_ms: Floats | None, options: FitOptions, bins: Bins | None = None
) -> Fit:
    """Fit a channel to the values of a column. Missing values do not count.

    Args:
        name: Name of the column.
        cells: The reference's values in order of time.
        times_ms: Times of the rows in milliseconds since 1970, of shape (rows,); None if unknown.
        options: Options of all channels.
        bins: Bins to use; default: bins that are fitted to the values.
    """
    if isinstance(cells, list):
        scoring = _of_categories(cells, bins or CategoryBins.of(cells))
    else:
        scoring = _of_numbers(
            cells, bins or NumericBins.of(cells[np.isfinite(cells)]), losses=name in options.losses
        )
    sides = ABOVE if name in options.losses else BOTH_SIDES
    return _channel(name, "values", scoring, sides, times_ms, options)


def fit_missing(name: str, cells: Cells, times_ms: Floats | None, options: FitOptions) -> Fit:
    """Fit a channel to the share of missing values. A fall counts only if many were missing.

    Args:
        name: Name of the column.
        cells: The reference's values in order of time.
        times_ms: Times of the rows in milliseconds since 1970, of shape (rows,); None if unknown.
        options: Options of all channels.
    """
    codes = _is_missing(cells)
    known = shares(codes, 2)
    table, moves = scores.of_categories(known)[1:], ["share of missing values"]
    tolerances = share_margin(known, len(codes))[1:]
    scoring = _Scoring(None, codes, known, table, moves, np.ones(1), len(codes), tolerances=tolerances)
    sides = BOTH_SIDES if known[1] > _MANY_MISSING else ABOVE
    return _channel(name, "missing", scoring, sides, times_ms, options)


def fit_new(name: str, cells: Floats, times_ms: Floats | None, options: FitOptions, values: Channel) -> Fit:
    """Fit a channel to the share of new values in a column of numbers. Only a rise counts.

    The healthy share is the upper bound of the share of values that one half of the reference has and the
    other lacks. New values come in bursts if the values do. If those bursts are long, and no quarter of the
    reference has values far out for another, only values far out count as new. They are detected immediately.

    Args:
        name: Name of the column.
        cells: The reference's values in order of time, of shape (rows,).
        times_ms: Times of the rows in milliseconds since 1970, of shape (rows,); None if unknown.
        options: Options of all channels.
        values: The channel of the column's values.
    """
    bins, inflation = NewValues.of(cells[np.isfinite(cells)]), max(values.column.inflation)
    is_far = inflation > _LONG_BURSTS and bins.quarters_agree(cells)
    if is_far:
        bins, inflation = bins.far(), 1.0
    bins = bins.upwards() if name in options.losses else bins
    codes = bins.codes(cells)
    crossed = codes if is_far else bins.cross_coded(cells)
    rows = int(np.count_nonzero(codes >= 0))
    share = share_upper_bound(int(np.count_nonzero(crossed == 1)), rows)
    known = np.array([1 - share, share])
    variability = crossed, scores.of_categories(shares(crossed, 2))[1:]
    table = scores.of_categories(known)[1:]
    scoring = _Scoring(
        bins, codes, known, table, [NEW_VALUES], np.ones(1), rows, variability, inflation_min=inflation
    )
    return _channel(name, "new", scoring, ABOVE, times_ms, options)


def _of_categories(cells: list[str | None], bins: Bins) -> _Scoring:
    """Score categories."""
    assert isinstance(bins, CategoryBins)  # noqa: S101
    codes = bins.codes(cells)
    unbiased = bins.unbiased(codes)
    known = shares(unbiased, bins.count, bins.unseen)
    moves = [f"share of {each}" for each in bins.names]
    weights, rows = np.full(len(moves), 1 / len(moves)), int(np.count_nonzero(unbiased >= 0))
    crossed = bins.cross_coded(cells, codes)
    variability = crossed, scores.of_categories(shares(crossed, bins.count))
    unseen = float(known[-1])
    tolerances = share_margin(known, rows)
    usable = int(np.count_nonzero(codes >= 0))
    tolerances[-1] = max(0.0, share_upper_bound(bins.unseen * usable, usable) - unseen)
    tolerances[-1] /= np.sqrt(unseen * (1 - unseen))
    table = scores.of_categories(known)
    return _Scoring(bins, codes, known, table, moves, weights, rows, variability, tolerances)


def _of_numbers(cells: Floats, bins: Bins, *, losses: bool) -> _Scoring:
    """Score numbers or losses."""
    assert isinstance(bins, NumericBins)  # noqa: S101
    codes = bins.codes(cells)
    known = shares(codes, bins.count)
    table = scores.of_losses(known, _levels(cells, codes, known)) if losses else scores.of_numbers(known)
    moves = ["mean"] * len(table) if losses else list(scores.MOMENTS[: len(table)])
    weights = np.array([_MOMENTS_BUDGET[move] for move in moves])
    rows = int(np.count_nonzero(codes >= 0))
    return _Scoring(bins, codes, known, table, moves, weights / weights.sum(), rows)


def _levels(cells: Floats, codes: Codes, known: Floats) -> Floats:
    """Return the mean of each bin's values, extreme ones cut; the mean of all values for an empty bin."""
    there = codes >= 0
    values = np.clip(cells[there], *np.quantile(cells[there], [1 - _WILD, _WILD]))
    counts = np.bincount(codes[there], minlength=len(known))
    sums = np.bincount(codes[there], values, minlength=len(known))
    levels: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), values.mean())
    return levels


def _channel(
    name: str,
    part: Part,
    scoring: _Scoring,
    sides: tuple[int, ...],
    times_ms: Floats | None,
    options: FitOptions,
) -> Fit:
    """Find the season, measure the variability and make the bets."""
    bins, codes, known, table, moves, weights, rows, of_variability, tolerances, inflation_min = scoring
    found = season.find(hourly(Scored(codes, table), times_ms)) if times_ms is not None else None
    variability = measure_variability(Scored(*(of_variability or (codes, table)), found, times_ms))
    variability = variability._replace(inflation=np.maximum(variability.inflation, inflation_min))
    if isinstance(bins, NumericBins):
        variability = with_powers(with_bursts(variability, _SHAPES))
    tolerance = options.tolerance + (np.zeros(len(table)) if tolerances is None else tolerances)
    margin = independent_margin(rows)
    largest_error = None
    if tolerances is not None:
        largest_error = _LARGEST_ERROR * (share_margin(known[-len(table) :], rows) + margin)
    bets = make_bets(table, known, variability, sides, weights, tolerance, largest_error, margin)
    column = Column(bets, float(rows), variability.inflation[-1].tolist())
    return Channel(name, part, bins, table.tolist(), moves, column, 1.0), found


def _is_missing(cells: Cells) -> Codes:
    """Return 1 for each missing value, 0 for others."""
    if isinstance(cells, list):
        if None not in cells:
            return np.zeros(len(cells), np.intp)
        return np.fromiter((cell is None for cell in cells), np.intp, len(cells))
    codes: Codes = (~np.isfinite(cells)).astype(np.intp)
    return codes
