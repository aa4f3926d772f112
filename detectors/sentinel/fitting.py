"""Fitting: all channels of a table, with the budget of false alarms shared over them."""

import math
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.engine.channel import (
    MISSING_BUDGET,
    NEW_BUDGET,
    Channel,
    Fit,
    FitOptions,
    fit_missing,
    fit_new,
    fit_values,
)
from watchkeeper.detectors.engine.season import Season
from watchkeeper.detectors.sentinel.joint import JOINT, Joint
from watchkeeper.detectors.sentinel.landmarks import Landmarks
from watchkeeper.detectors.sentinel.relearned import keep_variability
from watchkeeper.detectors.tables.table import Cells, Kind, Table, kind_of, read
from watchkeeper.detectors.tables.times import refuse_missing

_LOSSES_BUDGET = 0.5
"""Share of the budget for all columns of losses, if there are other columns, too. Chosen by hand: a larger
share finds a rise of losses sooner, and other changes later."""
FIT_ROWS_MIN = 100
"""Minimum number of rows of a reference. Chosen by hand: with fewer, even the mean has an error above a tenth
of a standard deviation."""
_DISTINCT_MAX = 0.5
"""Share of distinct values above which a column of categories counts as an identifier. Chosen by hand: a
lower share ignores columns of many categories."""


class Fitted(Struct):
    """What is watched. It is saved with a sentinel."""

    channels: list[Channel]
    """The channels of all columns."""
    budget: float
    """Mean number of rows to a false alarm, at least."""
    options: FitOptions = msgspec.field(name="terms")
    """Options of all channels."""
    kinds: dict[str, Kind]
    """Kind of each column, vectors replaced by their distances."""
    ignored: dict[str, str]
    """Columns that are not watched, and why."""
    time: str | None = None
    """Column of the times."""
    season: str | None = None
    """Cycle of the season: `day` or `week`."""
    hours: int = 0
    """Length of the cycle in hours; 0: no season."""
    joint: Joint | None = None
    """The joint scores of all numbers."""
    landmarks: list[Landmarks] = []
    """Landmarks of each column of vectors."""

    @property
    def table_kinds(self) -> dict[str, Kind]:
        """Kind of each column of the table, vectors included."""
        distances = {name for each in self.landmarks for name in each.names}
        columns = {name: kind for name, kind in self.kinds.items() if name not in distances}
        return {**columns, **{each.name: "vector" for each in self.landmarks}}

    def read(self, rows: Any) -> Table:
        """Read rows of the stream.

        Args:
            rows: Rows in any form that `watchkeeper.detectors.tables.table.read` reads.

        Raises:
            ValueError: The rows lack a column of the reference, or times that its season needs.
        """
        lengths = {each.name: each.length for each in self.landmarks}
        table = read(rows, self.time, self.table_kinds, lengths)
        if self.hours and table.rows:
            if table.times_ms is None:
                where = f"in the column {self.time!r}" if self.time else "as the index of a pandas table"
                raise ValueError(
                    f"the rows have no times, which the season of the reference needs; give them {where}"
                )
            refuse_missing(self.time, table.times_ms)
        return self.with_distances(table)

    def with_distances(self, table: Table) -> Table:
        """Return rows with distances instead of columns of vectors.

        Args:
            table: Rows as they were read.
        """
        for each in self.landmarks:
            table = each.replaced(table)
        return table

    def with_joint(self, table: Table) -> Table:
        """Return rows with the joint scores of all numbers, if these are watched.

        Args:
            table: Rows with the fitted columns.
        """
        return self.joint.added(table) if self.joint is not None else table

    def refit(self, reference: Table, longer: "Fitted | None" = None) -> "Fitted":
        """Fit the same columns on other rows, with the same options.

        Args:
            reference: Rows with the same columns.
            longer: A fit on more rows, whose variability and season are kept.
        """
        channels, season, ignored, joint = _fit(reference, self.options)
        named, hours = (season.name, season.hours) if season else (None, 0)
        if longer is not None:
            named, hours = (named, hours) if season else (longer.season, longer.hours)
            before = {(channel.name, channel.part): channel for channel in longer.channels}
            channels = [
                keep_variability(channel, before.get((channel.name, channel.part)), season is None)
                for channel in channels
            ]
        others = {name: why for name, why in self.ignored.items() if name not in self.kinds}
        ignored = {**others, **ignored}
        return replace(self, channels=channels, ignored=ignored, season=named, hours=hours, joint=joint)


def fit_channels(reference: Table, at_most: float, per: int | timedelta, options: FitOptions) -> Fitted:
    """Fit all channels of a reference.

    Args:
        reference: Rows in order of time.
        at_most: Number of false alarms that are allowed on average in `per`.
        per: A number of rows, or a span of time.
        options: Options of all channels.

    Raises:
        ValueError: The reference or an option cannot be used. The message gives the reason.
    """
    if reference.rows < FIT_ROWS_MIN:
        raise ValueError(f"the reference has {reference.rows} rows; at least {FIT_ROWS_MIN} are needed")
    if not (_is_number(at_most) and 0 < at_most < math.inf):
        raise ValueError(f"at_most must be a number above 0, got {at_most!r}")
    if not (_is_number(options.tolerance) and 0 <= options.tolerance < math.inf):
        raise ValueError(f"tolerance must be a number, 0 or above, got {options.tolerance!r}")
    strange = set(options.losses) - set(reference.columns)
    if strange:
        raise ValueError(f"losses names {', '.join(sorted(map(str, strange)))}, which the reference lacks")
    for name in options.losses:
        if kind_of(reference.columns[name]) != "number":
            raise ValueError(
                f"losses names {name}, which is not a column of numbers; "
                "give errors as 0 or 1, or the sizes of losses"
            )
    time, dates = reference.time, reference.dates
    landmarks = _landmarks(reference)
    for each in landmarks:
        reference = each.replaced(reference)
    options = replace(options, groups=tuple(tuple(each.names) for each in landmarks))
    channels, season, ignored, joint = _fit(reference, options)
    if not channels:
        raise ValueError("the reference has no column that can be watched")
    kinds = {name: kind_of(cells) for name, cells in reference.columns.items()}
    ignored |= dict.fromkeys(dates, "dates are not watched; time= names the column of the times")
    return Fitted(
        channels, _rows(reference, per) / at_most, options, kinds, ignored,
        time=time, season=season.name if season else None, hours=season.hours if season else 0,
        joint=joint, landmarks=landmarks,
    )  # fmt: skip


def _landmarks(reference: Table) -> list[Landmarks]:
    """Choose landmarks in each column of vectors."""
    return [
        Landmarks.of(name, cells)
        for name, cells in reference.columns.items()
        if not isinstance(cells, list) and cells.ndim == 2
    ]


def _rows(reference: Table, per: int | timedelta) -> float:
    """Return the number of rows in a span of time, at the reference's rate."""
    if isinstance(per, np.timedelta64):
        per = per.astype("timedelta64[us]").item()
    if isinstance(per, timedelta):
        if per <= timedelta(0):
            raise ValueError(f"per must be a span of time above 0, got {per}")
        if reference.times_ms is None:
            raise ValueError(
                "a budget per time needs rows with times; give per as rows, or name the column in time="
            )
        span_ms = float(reference.times_ms[-1] - reference.times_ms[0])
        if span_ms <= 0:
            raise ValueError("all rows of the reference have the same time; give the budget per rows")
        return reference.rows * (per / timedelta(milliseconds=1)) / span_ms
    if not (_is_number(per) and 0 < per < math.inf):
        raise ValueError(f"per must be a number of rows above 0, or a timedelta, got {per!r}")
    return float(per)


def _is_number(given: Any) -> bool:
    """Whether an option is a number; True and False are not."""
    return isinstance(given, int | float | np.number) and not isinstance(given, bool)


def _fit(
    reference: Table, options: FitOptions
) -> tuple[list[Channel], Season | None, dict[str, str], Joint | None]:
    """Return the channels, the season, the ignored columns and the joint scores."""
    joint = Joint.fit(reference, _numbers(reference, options))
    if joint is not None:
        reference = joint[1]
    fitted: list[Fit] = []
    ignored: dict[str, str] = {}
    weights = _weights(list(reference.columns), options)
    for name, cells in reference.columns.items():
        why, left = _unusable(cells), MISSING_BUDGET
        grouped = any(name in group for group in options.groups)
        if why:
            ignored[name] = why
        else:
            values, season = fit_values(name, cells, reference.times_ms, options)
            fitted.append((replace(values, weight=weights[name] * (1 - MISSING_BUDGET)), season))
            if not isinstance(cells, list) and name not in JOINT and not grouped:
                left -= NEW_BUDGET
                channel, season = fit_new(name, cells, reference.times_ms, options, values)
                fitted.append((replace(channel, weight=weights[name] * NEW_BUDGET), season))
        if name in JOINT or any(name in group[1:] for group in options.groups):
            continue
        channel, season = fit_missing(name, cells, reference.times_ms, options)
        fitted.append((replace(channel, weight=weights[name] * left), season))
    chosen = _common([season for _, season in fitted if season is not None])
    hours = chosen.hours if chosen else 0
    channels = [
        replace(channel, season=season.means if season is not None and season.hours == hours else None)
        for channel, season in fitted
    ]
    return channels, chosen, ignored, joint[0] if joint is not None else None


def _numbers(reference: Table, options: FitOptions) -> list[str]:
    """Return the names of the columns of numbers that vary."""
    return [
        name
        for name, cells in reference.columns.items()
        if not isinstance(cells, list)
        and name not in options.losses
        and not any(name in group for group in options.groups)
        and len(np.unique(cells[np.isfinite(cells)])) > 1
    ]


def _common(seasons: list[Season]) -> Season | None:
    """Choose one cycle for all columns: the week if any column has one, because days repeat in it."""
    return max(seasons, key=lambda season: season.hours, default=None)


def _weights(names: list[str], options: FitOptions) -> dict[str, float]:
    """Share the budget over columns; a group of columns has one share together."""
    losses = [name for name in names if name in options.losses]
    others = [name for name in names if name not in options.losses]
    members = {name: len(group) for group in options.groups for name in group}
    parts = {name: 1 / members.get(name, 1) for name in others}
    of_losses = (_LOSSES_BUDGET if others else 1.0) if losses else 0.0
    shared = {name: of_losses / len(losses) for name in losses}
    return {**shared, **{name: (1 - of_losses) * part / sum(parts.values()) for name, part in parts.items()}}


def _unusable(cells: Cells) -> str:
    """Return why a column cannot be watched; empty if it can."""
    if isinstance(cells, list):
        known = [cell for cell in cells if cell is not None]
        if not known:
            return "all its values are missing"
        if len(set(known)) > _DISTINCT_MAX * len(known):
            return "more than half of its values are distinct, as in an identifier"
        return ""
    return "" if np.isfinite(cells).any() else "all its values are missing"
