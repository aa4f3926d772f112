"""One thing that is watched: the values of a column, or whether they are there."""

from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from detectors.columns import Floats
from detectors.engine import bets, scores, season, wander
from detectors.engine.bank import Column
from detectors.engine.bins import Bins, CategoryBins, Codes, NumberBins, shares
from detectors.engine.season import Season
from detectors.engine.table import Cells

Part = Literal["values", "missing"]
_OF_MOMENTS = {"mean": 0.4, "spread": 0.3, "skew": 0.1, "tails": 0.2}
"""How the budget of a column of numbers is spent on its scores."""
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


def fit_values(
    name: str, cells: Cells, times_ms: Floats | None, terms: Terms, bins: Bins | None = None
) -> tuple[Channel, Season | None]:
    """Learn the values of a column from the reference, in given bins or its own; missing ones say nothing."""
    if isinstance(cells, list):
        bins = bins or CategoryBins.of(cells)
        assert isinstance(bins, CategoryBins)  # noqa: S101
        codes = bins.codes(cells)
        basis = bins.basis(codes)
        known = shares(basis, bins.count, bins.unseen)
        table, moves = scores.of_categories(known), [f"share of {each}" for each in bins.names]
        weights = np.full(len(moves), 1 / len(moves))
    else:
        bins = bins or NumberBins.of(cells[np.isfinite(cells)])
        codes = basis = bins.codes(cells)  # type: ignore[arg-type]
        known = shares(codes, bins.count)
        table = scores.of_numbers(known)[: 1 if name in terms.losses else scores.DEGREE]
        moves = list(scores.MOMENTS[: len(table)])
        weights = np.array([_OF_MOMENTS[move] for move in moves])
    sides = ABOVE if name in terms.losses else BOTH_SIDES
    channel, found = _channel(
        name, "values", bins, codes, known, table, moves, weights / weights.sum(), sides, times_ms, terms
    )
    rows = float(np.count_nonzero(basis >= 0))
    return replace(channel, column=replace(channel.column, rows=rows)), found


def fit_missing(
    name: str, cells: Cells, times_ms: Floats | None, terms: Terms
) -> tuple[Channel, Season | None]:
    """Learn how often the values of a column are missing; only a rise matters."""
    codes = _is_missing(cells)
    known = shares(codes, 2)
    table, moves = scores.of_categories(known)[1:], ["share of missing values"]
    return _channel(name, "missing", None, codes, known, table, moves, np.ones(1), ABOVE, times_ms, terms)


def no_calmer(channel: Channel, before: Channel | None, season: bool) -> Channel:
    """Let a channel wander as far as one of the same scores did in more rows; keep its season if asked."""
    if before is None or before.moves != channel.moves:
        return channel
    mine, its = channel.column, before.column
    bets = replace(
        mine.bets,
        inflation=list(map(max, mine.bets.inflation, its.bets.inflation)),
        margin=list(map(max, mine.bets.margin, its.bets.margin)),
    )
    column = replace(mine, bets=bets, inflation=list(map(max, mine.inflation, its.inflation)))
    return replace(channel, column=column, season=before.season if season else channel.season)


def _channel(
    name: str, part: Part, bins: Bins | None, codes: Codes, known: Floats, table: Floats, moves: list[str],
    weights: Floats, sides: tuple[int, ...], times_ms: Floats | None, terms: Terms,
) -> tuple[Channel, Season | None]:  # fmt: skip
    series = np.where(codes >= 0, table[:, codes], 0.0).T
    found = season.find(series, times_ms) if times_ms is not None else None
    if found is not None and times_ms is not None:
        series = series - found.expected(times_ms)
    wandered = wander.measure(series)
    placed = bets.place(table, known, wandered, sides, weights, terms.tolerance)
    rows = float(np.count_nonzero(codes >= 0))
    column = Column(placed, rows, wandered.inflation[-1].tolist())
    return Channel(name, part, bins, table.tolist(), moves, column, 1.0), found


def _is_missing(cells: Cells) -> Codes:
    if isinstance(cells, list):
        if None not in cells:
            return np.zeros(len(cells), np.intp)
        return np.fromiter((cell is None for cell in cells), np.intp, len(cells))
    codes: Codes = (~np.isfinite(cells)).astype(np.intp)
    return codes
