"""The real tables: known totals of the package, times worked out by hand."""

from datetime import UTC, datetime

import numpy as np

from watchkeeper.demo.flights import Flights, Weather

HOUR_MS = 3_600_000


def at_ms(*moment: int) -> int:
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def test_all_flights_of_the_year_are_there(flights: Flights) -> None:
    assert len(flights) == 336_776  # as the package's documentation says
    assert flights.known.sum() == 327_346  # arr_delay is NA for 9,430
    assert (flights.landed_ms > 0).sum() == flights.known.sum()


def test_a_quarter_of_the_flights_came_more_than_15_minutes_late(flights: Flights) -> None:
    assert np.nansum(flights.late) == 77_630


def test_rows_are_in_order_of_time_and_have_names_of_their_own(flights: Flights, weather: Weather) -> None:
    assert (np.diff(flights.time_ms) >= 0).all()
    assert (np.diff(weather.time_ms) >= 0).all()
    assert len(set(flights.ids.tolist())) == len(flights)


def test_the_first_flight_left_at_a_quarter_past_five_in_new_york(flights: Flights) -> None:
    first = flights.ids.tolist().index("UA1545-EWR-2013-01-01T10:15")
    assert flights.time_ms[first] == at_ms(2013, 1, 1, 10, 15)
    # It left 2 minutes late at 5:17 and arrived at 8:30 in Houston, where it is an hour earlier: 253 minutes.
    assert flights.landed_ms[first] == at_ms(2013, 1, 1, 10, 17) + 253 * 60_000
    assert flights.late[first] == 0  # 11 minutes


def test_nobody_lands_before_leaving_nor_flies_for_a_day(flights: Flights) -> None:
    took_ms = (flights.landed_ms - flights.time_ms)[flights.known]
    assert took_ms.min() > 0
    assert took_ms.max() < 36 * HOUR_MS


def test_what_is_known_at_a_time_leaves_out_who_is_still_in_the_air(flights: Flights) -> None:
    end_ms = at_ms(2013, 1, 10)
    rows = flights.between(at_ms(2013, 1, 9), end_ms)
    known = flights.as_of(at_ms(2013, 1, 9), end_ms)
    assert len(known) == rows.stop - rows.start
    assert 0 < known.known.sum() < (known.landed_ms > 0).sum()
    assert known.landed_ms[known.known].max() < end_ms
