"""Fits all channels of a table, and shares the budget of false alarms over them."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.engine.channel import (
    MISSING,
    NEW,
    Channel,
    Terms,
    fit_missing,
    fit_new,
    fit_values,
    no_calmer,
)
from watchkeeper.detectors.engine.season import Season
from watchkeeper.detectors.sentinel.joint import JOINT, Joint
from watchkeeper.detectors.sentinel.landmarks import Landmarks
from watchkeeper.detectors.tables.table import Cells, Kind, Table, kind_of, read
from watchkeeper.detectors.tables.times import refuse_missing

_LOSSES = 0.5
"""Of the whole budget, where there are columns of losses and others."""
FIT_ROWS_MIN = 100
"""The fewest rows of a reference that a sentinel is fitted to. Chosen by hand."""
_DISTINCT_MAX = 0.5


class Fitted(Struct):
    """What is watched, and on what terms."""

    channels: list[Channel]
    budget: float
    """Rows to a false alarm."""
    terms: Terms
    kinds: dict[str, Kind]
    ignored: dict[str, str]
    time: str | None = None
    season: str | None = None
    hours: int = 0
    joint: Joint | None = None
    landmarks: list[Landmarks] = []

    @property
    def read_as(self) -> dict[str, Kind]:
        """Name the columns of the table, and their kinds."""
        told = {name for each in self.landmarks for name in each.names}
        columns = {name: kind for name, kind in self.kinds.items() if name not in told}
        return {**columns, **{each.name: "vector" for each in self.landmarks}}

    def read(self, rows: Any) -> Table:
        """Read rows of the stream; ValueError where they lack what the reference has."""
        lengths = {each.name: each.length for each in self.landmarks}
        table = read(rows, self.time, self.read_as, lengths)
        if self.hours and table.rows:
            if table.times_ms is None:
                where = f"in the column {self.time!r}" if self.time else "as the index of a pandas table"
                raise ValueError(
                    f"the rows have no times, which the season of the reference needs; give them {where}"
                )
            refuse_missing(self.time, table.times_ms)
        return self.numbers(table)

    def numbers(self, table: Table) -> Table:
        """Put numbers in the place of columns of vectors."""
        for each in self.landmarks:
            table = each.in_place(table)
        return table

    def whole(self, table: Table) -> Table:
        """Add to rows what is watched of them beside their columns."""
        return self.joint.added(table) if self.joint is not None else table

    def anew(self, reference: Table, calm: "Fitted | None" = None) -> "Fitted":
        """Fit the same columns on other rows, on the same terms.

        `calm` is a fit on more rows: what wandered there still may, and its season stays.
        """
        channels, season, ignored, joint = _fit(reference, self.terms)
        named, hours = (season.name, season.hours) if season else (None, 0)
        if calm is not None:
            named, hours = (named, hours) if season else (calm.season, calm.hours)
            before = {(channel.name, channel.part): channel for channel in calm.channels}
            channels = [
                no_calmer(channel, before.get((channel.name, channel.part)), season is None)
                for channel in channels
            ]
        others = {name: why for name, why in self.ignored.items() if name not in self.kinds}
        ignored = {**others, **ignored}
        return replace(self, channels=channels, ignored=ignored, season=named, hours=hours, joint=joint)


def fit_channels(reference: Table, at_most: float, per: int | timedelta, terms: Terms) -> Fitted:
    """Fit a reference; ValueError says why it can not be used."""
    if reference.rows < FIT_ROWS_MIN:
        raise ValueError(f"the reference has {reference.rows} rows; at least {FIT_ROWS_MIN} are needed")
    if not (_is_number(at_most) and 0 < at_most < math.inf):
        raise ValueError(f"at_most must be a number above 0, got {at_most!r}")
    if not (_is_number(terms.tolerance) and 0 <= terms.tolerance < math.inf):
        raise ValueError(f"tolerance must be 0 or a number above it, got {terms.tolerance!r}")
    strange = set(terms.losses) - set(reference.columns)
    if strange:
        raise ValueError(f"losses names {', '.join(sorted(map(str, strange)))}, which the reference lacks")
    for name in terms.losses:
        if kind_of(reference.columns[name]) != "number":
            raise ValueError(
                f"losses names {name}, which is no column of numbers; an error is 0 or 1, or its size"
            )
    time, dates = reference.time, reference.dates
    landmarks = _landmarks(reference)
    for each in landmarks:
        reference = each.in_place(reference)
    terms = replace(terms, groups=tuple(tuple(each.names) for each in landmarks))
    channels, season, ignored, joint = _fit(reference, terms)
    if not channels:
        raise ValueError("the reference has no column that can be watched")
    kinds = {name: kind_of(cells) for name, cells in reference.columns.items()}
    ignored |= dict.fromkeys(dates, "dates are not watched; time= says which are the times of the rows")
    return Fitted(
        channels, _rows(reference, per) / at_most, terms, kinds, ignored,
        time=time, season=season.name if season else None, hours=season.hours if season else 0,
        joint=joint, landmarks=landmarks,
    )  # fmt: skip


def _landmarks(reference: Table) -> list[Landmarks]:
    """Choose landmarks in each column of vectors that has any."""
    return [
        Landmarks.of(name, cells)
        for name, cells in reference.columns.items()
        if not isinstance(cells, list) and cells.ndim == 2
    ]


def _rows(reference: Table, per: int | timedelta) -> float:
    if isinstance(per, np.timedelta64):
        per = per.astype("timedelta64[us]").item()
    if isinstance(per, timedelta):
        if per <= timedelta(0):
            raise ValueError(f"per must be a span of time above 0, got {per}")
        if reference.times_ms is None:
            raise ValueError("a budget per time needs rows with times; give it per rows, or name the time")
        span_ms = float(reference.times_ms[-1] - reference.times_ms[0])
        if span_ms <= 0:
            raise ValueError("all rows of the reference have the same time; give the budget per rows")
        return reference.rows * (per / timedelta(milliseconds=1)) / span_ms
    if not (_is_number(per) and 0 < per < math.inf):
        raise ValueError(f"per must be a number of rows above 0, or a timedelta, got {per!r}")
    return float(per)


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float | np.number) and not isinstance(given, bool)


def _fit(reference: Table, terms: Terms) -> tuple[list[Channel], Season | None, dict[str, str], Joint | None]:
    joint = Joint.fit(reference, _numbers(reference, terms))
    if joint is not None:
        reference = joint[1]
    fitted: list[tuple[Channel, Season | None]] = []
    ignored: dict[str, str] = {}
    weights = _weights(list(reference.columns), terms)
    for name, cells in reference.columns.items():
        why, left = _unusable(cells), MISSING
        grouped = any(name in group for group in terms.groups)
        if why:
            ignored[name] = why
        else:
            values, season = fit_values(name, cells, reference.times_ms, terms)
            fitted.append((replace(values, weight=weights[name] * (1 - MISSING)), season))
            if not isinstance(cells, list) and name not in JOINT and not grouped:
                left -= NEW
                channel, season = fit_new(name, cells, reference.times_ms, terms, values)
                fitted.append((replace(channel, weight=weights[name] * NEW), season))
        if name in JOINT or any(name in group[1:] for group in terms.groups):
            continue
        channel, season = fit_missing(name, cells, reference.times_ms, terms)
        fitted.append((replace(channel, weight=weights[name] * left), season))
    chosen = _common([season for _, season in fitted if season is not None])
    hours = chosen.hours if chosen else 0
    channels = [
        replace(channel, season=season.means if season is not None and season.hours == hours else None)
        for channel, season in fitted
    ]
    return channels, chosen, ignored, joint[0] if joint is not None else None


def _numbers(reference: Table, terms: Terms) -> list[str]:
    """Name the columns of numbers that vary."""
    return [
        name
        for name, cells in reference.columns.items()
        if not isinstance(cells, list)
        and name not in terms.losses
        and not any(name in group for group in terms.groups)
        and len(np.unique(cells[np.isfinite(cells)])) > 1
    ]


def _common(seasons: list[Season]) -> Season | None:
    """Choose one cycle for all columns: the week where any has one, since a day repeats in it."""
    return max(seasons, key=lambda season: season.hours, default=None)


def _weights(names: list[str], terms: Terms) -> dict[str, float]:
    """Share the budget over columns; those that stand for one column have one share together."""
    losses = [name for name in names if name in terms.losses]
    others = [name for name in names if name not in terms.losses]
    members = {name: len(group) for group in terms.groups for name in group}
    parts = {name: 1 / members.get(name, 1) for name in others}
    of_losses = (_LOSSES if others else 1.0) if losses else 0.0
    shared = {name: of_losses / len(losses) for name in losses}
    return {**shared, **{name: (1 - of_losses) * part / sum(parts.values()) for name, part in parts.items()}}


def _unusable(cells: Cells) -> str:
    if isinstance(cells, list):
        known = [cell for cell in cells if cell is not None]
        if not known:
            return "all its values are missing"
        if len(set(known)) > _DISTINCT_MAX * len(known):
            return "most of its values are unlike any other, as in an identifier"
        return ""
    return "" if np.isfinite(cells).any() else "all its values are missing"
