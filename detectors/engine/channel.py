"""One thing that is watched: the values of a column, or whether they are there."""

from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.engine import bets, scores, season
from watchkeeper.detectors.engine import variability as wander
from watchkeeper.detectors.engine.bank import Column
from watchkeeper.detectors.engine.bins import (
    NEW_VALUES,
    Bins,
    CategoryBins,
    Codes,
    NewValues,
    NumberBins,
    at_most,
    shares,
)
from watchkeeper.detectors.engine.season import Season
from watchkeeper.detectors.engine.series import Scored, hourly
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Cells

Part = Literal["values", "missing", "new"]
MISSING = 0.15
"""Of a column's budget, for the share of missing values..."""
NEW = 0.05
"""...of which for new values, in a column of numbers."""
_WORST = 0.75
"""Of what the error of a category's share may be, so much makes it worth more to a bet on it."""
_LONG_BURSTS = 4.0
"""Where so many rows say as much as one, or more do."""
_MANY_MISSING = 0.02
_OF_MOMENTS = {"mean": 0.4, "spread": 0.3, "skew": 0.1, "tails": 0.2}
"""How the budget of a column of numbers is spent on its scores."""
_WILD = 0.995
"""Larger losses than those of so many rows say no more than that they are large."""
_SHAPES = scores.MOMENTS.index("skew")
"""The first of the scores of shape."""
BOTH_SIDES = (1, -1)
ABOVE = (1,)


class Channel(Struct):
    """How rows become scores, and what the reference says of those."""

    name: str
    part: Part
    bins: Bins | None
    """None for `missing`."""
    scores: list[list[float]]
    """[scores, bins]."""
    moves: list[str]
    """What each score's mean is a move of."""
    column: Column
    weight: float
    season: list[list[float]] | None = None
    """[hours of the cycle, scores]."""

    def codes(self, cells: Cells) -> Codes:
        """Give the bin of each row."""
        if self.bins is None:
            return _is_missing(cells)
        return self.bins.codes(cells)  # type: ignore[arg-type]


class Terms(Struct, frozen=True):
    """What holds for all channels of a sentinel."""

    tolerance: float = 0.0
    losses: tuple[str, ...] = ()
    """Columns of which only a rise of the mean matters."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Columns that stand for one of the table together."""


class _Scoring(NamedTuple):
    """How a part of a column is scored, and the rows of the reference by their bins."""

    bins: Bins | None
    codes: Codes
    known: Floats
    table: Floats
    moves: list[str]
    weights: Floats
    rows: int
    """That say how common the bins are."""
    wandering: tuple[Codes, Floats] | None = None
    """Codes and scores that tell how rows wander, where it is not those above."""
    tolerances: Floats | None = None
    """How far the mean of each score may lie off without harm, beside what the owner tolerates."""
    bursts: float = 1.0
    """The least that rows depend on each other, where these rows are too few to show it."""


def fit_values(
    name: str, cells: Cells, times_ms: Floats | None, terms: Terms, bins: Bins | None = None
) -> tuple[Channel, Season | None]:
    """Learn the values of a column from the reference, in given bins or its own; missing ones say nothing."""
    if isinstance(cells, list):
        scoring = _of_categories(cells, bins or CategoryBins.of(cells))
    else:
        scoring = _of_numbers(
            cells, bins or NumberBins.of(cells[np.isfinite(cells)]), losses=name in terms.losses
        )
    sides = ABOVE if name in terms.losses else BOTH_SIDES
    return _channel(name, "values", scoring, sides, times_ms, terms)


def fit_missing(
    name: str, cells: Cells, times_ms: Floats | None, terms: Terms
) -> tuple[Channel, Season | None]:
    """Learn how often the values of a column are missing; a fall is news only where many were."""
    codes = _is_missing(cells)
    known = shares(codes, 2)
    table, moves = scores.of_categories(known)[1:], ["share of missing values"]
    tolerances = bets.beyond(known, len(codes))[1:]
    scoring = _Scoring(None, codes, known, table, moves, np.ones(1), len(codes), tolerances=tolerances)
    sides = BOTH_SIDES if known[1] > _MANY_MISSING else ABOVE
    return _channel(name, "missing", scoring, sides, times_ms, terms)


def fit_new(
    name: str, cells: Floats, times_ms: Floats | None, terms: Terms, values: Channel
) -> tuple[Channel, Season | None]:
    """Learn how often a column of numbers has values that it never had; only a rise matters.

    How often is known from what each half of the reference has and the other has not, at its upper bound.
    They come in bursts where the `values` do; where those are long, values that are far out are watched
    instead, if no burst of the reference brings them: they tell at once.
    """
    bins, bursts = NewValues.of(cells[np.isfinite(cells)]), max(values.column.inflation)
    is_far = bursts > _LONG_BURSTS and bins.are_near(cells)
    if is_far:
        bins, bursts = bins.far(), 1.0
    bins = bins.upwards() if name in terms.losses else bins
    codes = bins.codes(cells)
    as_new = codes if is_far else bins.as_new(cells)
    rows = int(np.count_nonzero(codes >= 0))
    share = at_most(int(np.count_nonzero(as_new == 1)), rows)
    known = np.array([1 - share, share])
    wandering = as_new, scores.of_categories(shares(as_new, 2))[1:]
    table = scores.of_categories(known)[1:]
    scoring = _Scoring(bins, codes, known, table, [NEW_VALUES], np.ones(1), rows, wandering, bursts=bursts)
    return _channel(name, "new", scoring, ABOVE, times_ms, terms)


def _of_categories(cells: list[str | None], bins: Bins) -> _Scoring:
    assert isinstance(bins, CategoryBins)  # noqa: S101
    codes = bins.codes(cells)
    basis = bins.basis(codes)
    known = shares(basis, bins.count, bins.unseen)
    moves = [f"share of {each}" for each in bins.names]
    weights, rows = np.full(len(moves), 1 / len(moves)), int(np.count_nonzero(basis >= 0))
    as_new = bins.as_new(cells, codes)
    wandering = as_new, scores.of_categories(shares(as_new, bins.count))
    unseen = float(known[-1])
    tolerances = bets.beyond(known, rows)
    usable = int(np.count_nonzero(codes >= 0))
    tolerances[-1] = max(0.0, at_most(bins.unseen * usable, usable) - unseen)
    tolerances[-1] /= np.sqrt(unseen * (1 - unseen))
    table = scores.of_categories(known)
    return _Scoring(bins, codes, known, table, moves, weights, rows, wandering, tolerances)


def _of_numbers(cells: Floats, bins: Bins, *, losses: bool) -> _Scoring:
    assert isinstance(bins, NumberBins)  # noqa: S101
    codes = bins.codes(cells)
    known = shares(codes, bins.count)
    table = scores.of_losses(known, _levels(cells, codes, known)) if losses else scores.of_numbers(known)
    moves = ["mean"] * len(table) if losses else list(scores.MOMENTS[: len(table)])
    weights = np.array([_OF_MOMENTS[move] for move in moves])
    rows = int(np.count_nonzero(codes >= 0))
    return _Scoring(bins, codes, known, table, moves, weights / weights.sum(), rows)


def _levels(cells: Floats, codes: Codes, known: Floats) -> Floats:
    """Give the mean of each bin's values, without the wildest; that of all for a bin that has none."""
    there = codes >= 0
    values = np.clip(cells[there], *np.quantile(cells[there], [1 - _WILD, _WILD]))
    counts = np.bincount(codes[there], minlength=len(known))
    sums = np.bincount(codes[there], values, minlength=len(known))
    levels: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), values.mean())
    return levels


def no_calmer(channel: Channel, before: Channel | None, season: bool) -> Channel:
    """Let a channel wander as far as it did in more rows; keep its season if asked.

    A score that was not there before, as of a category that was rare, may wander as far as any other did.
    """
    if before is None:
        return channel
    mine, its = channel.column, before.column
    places = [before.moves.index(move) if move in before.moves else -1 for move in channel.moves]
    bets = replace(
        mine.bets,
        inflation=_largest(mine.bets.inflation, its.bets.inflation, places, len(before.moves)),
        margin=_largest(mine.bets.margin, its.bets.margin, places, len(before.moves)),
    )
    inflation = _largest(mine.inflation, its.inflation, places, len(before.moves))
    kept = channel.season
    if season and before.season is not None:
        means = np.array(before.season)
        kept = np.column_stack(
            [means[:, place] if place >= 0 else 0 * means[:, 0] for place in places]
        ).tolist()
    return replace(channel, column=replace(mine, bets=bets, inflation=inflation), season=kept)


def _largest(mine: list[float], its: list[float], places: list[int], scores: int) -> list[float]:
    """Give the larger of two vectors, score by score; the second's score for each is in `places`, or -1."""
    of_scores = np.array(its).reshape(scores, -1)
    of_scores = np.vstack((of_scores, of_scores.max(axis=0)))[places]
    ours = np.array(mine).reshape(len(places), -1)
    if ours.shape != of_scores.shape:  # there are bets on one side only, where there were on both
        of_scores = of_scores.max(axis=1, keepdims=True)
    larger: list[float] = np.maximum(ours, of_scores).ravel().tolist()
    return larger


def _channel(
    name: str, part: Part, scoring: _Scoring, sides: tuple[int, ...], times_ms: Floats | None, terms: Terms
) -> tuple[Channel, Season | None]:
    bins, codes, known, table, moves, weights, rows, wandering, tolerances, bursts = scoring
    found = season.find(hourly(Scored(codes, table), times_ms)) if times_ms is not None else None
    wandered = wander.measure(Scored(*(wandering or (codes, table)), found, times_ms))
    wandered = wandered._replace(inflation=np.maximum(wandered.inflation, bursts))
    if isinstance(bins, NumberBins):
        wandered = wander.with_powers(wander.with_bursts(wandered, _SHAPES))
    tolerance = terms.tolerance + (np.zeros(len(table)) if tolerances is None else tolerances)
    doubted = bets.margin_of(rows)
    worst = None if tolerances is None else _WORST * (bets.beyond(known[-len(table) :], rows) + doubted)
    placed = bets.place(table, known, wandered, sides, weights, tolerance, worst, doubted)
    column = Column(placed, float(rows), wandered.inflation[-1].tolist())
    return Channel(name, part, bins, table.tolist(), moves, column, 1.0), found


def _is_missing(cells: Cells) -> Codes:
    if isinstance(cells, list):
        if None not in cells:
            return np.zeros(len(cells), np.intp)
        return np.fromiter((cell is None for cell in cells), np.intp, len(cells))
    codes: Codes = (~np.isfinite(cells)).astype(np.intp)
    return codes
