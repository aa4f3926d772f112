"""The year of the demo without its faults: no day of it looks like another unit."""

from datetime import date, timedelta

import pytest

from watchkeeper.demo.flights import load
from watchkeeper.demo.references import columns_of, monitors
from watchkeeper.demo.year import START, at_ms
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.quality import unit_change
from watchkeeper.detectors.checks.reference import reference_rows
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile

RECENT = range(4, 9)
"""Lengths of the recent past to test, in days."""


@pytest.mark.parametrize("known", [START, date(2013, 5, 2)])
def test_no_day_of_flights_looks_like_another_unit_of_all_rows_or_of_some(known):
    flights, monitor = load()[0], monitors()["flight-delay"]
    past = flights.take(flights.time_ms < at_ms(known))
    reference = build_reference(
        monitor, columns_of(monitor, past), {}, built_at_ms=0, times_ms=past.time_ms.astype(float)
    )
    layout, normal = Layout(reference.binning), reference_rows(reference, None)
    days, named = [], []
    for number in range((date(2013, 12, 27) - known).days):
        day = known + timedelta(number)
        window = RowsProfile.empty(layout)
        window.add(columns_of(monitor, flights.take(flights.between(at_ms(day), at_ms(day + timedelta(1))))))
        for count in RECENT:
            recent = RowsProfile.empty(layout)
            for before in days[-count:]:
                recent.merge(RowsProfile.decode(before, layout))
            case = Case(monitor, window, normal, recent)
            named += [(day, name, count) for name in layout.numeric if unit_change.check(case, name)]
        window.seal()
        days.append(window.encode())
    assert len(days) > 200
    assert named == []
