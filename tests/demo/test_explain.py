"""The cause of a page: an injected fault, a real event in the data, or unexplained."""

import re
from datetime import timedelta

import pytest

from tests.demo.making import alert, day
from watchkeeper.demo.events import MODEL, VIEW
from watchkeeper.demo.explain import KNOWN, ServedFlights, explain, late_share
from watchkeeper.demo.faults import FAULTS, inject
from watchkeeper.demo.flights import Flights, Weather
from watchkeeper.demo.report import ReportedPage, pages_of
from watchkeeper.demo.year import START, at_ms
from watchkeeper.schemas.alerts import Alert


@pytest.fixture(scope="module")
def truth(flights: Flights, weather: Weather) -> ServedFlights:
    first = flights.take(flights.between(0, at_ms(START)))
    return ServedFlights(flights, weather, inject(flights, MODEL), inject(weather, VIEW), first)


def explained(fired: Alert, truth: ServedFlights) -> ReportedPage:
    return explain(pages_of([fired])[0], FAULTS, truth)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_page_on_an_injected_fault_has_its_story(fault, truth: ServedFlights) -> None:
    fired = alert("FeatureMissing", fault.began, fault.began + timedelta(days=1), feature=fault.feature)
    page = explained(fired, truth)
    assert (page.cause, page.because) == ("injected", fault.story)


def test_weather_that_the_table_lacks_on_the_last_day_is_real(truth: ServedFlights) -> None:
    page = explained(alert("FeatureMissing", day(12, 31), day(12, 31, 23), several="dewp, temp"), truth)
    assert page.cause == "real"
    assert page.because == "100% of these values are missing in the tables themselves in that period"


def test_another_fault_of_the_data_where_nothing_was_changed_has_no_explanation(truth: ServedFlights) -> None:
    page = explained(alert("FeatureUnitChange", day(5, 1), day(5, 2), feature="precip"), truth)
    assert (page.cause, page.because) == ("unexplained", "the served values equal the values in the tables")


def test_a_bad_period_for_flights_is_explained_with_its_share_of_late_flights(truth: ServedFlights) -> None:
    page = explained(alert("ModelPerformanceDegraded", day(7, 4), day(7, 18)), truth)
    assert page.cause == "real"
    assert "thunderstorm season" in page.because
    assert "of the real flights in that period were late" in page.because


def test_a_model_that_does_badly_in_a_calm_week_has_no_explanation(truth: ServedFlights) -> None:
    page = explained(alert("ModelPerformanceDegraded", day(9, 19), day(9, 26)), truth)
    assert page.cause == "unexplained"


def test_only_the_flights_of_the_segment_are_looked_at(truth: ServedFlights) -> None:
    span = day(4, 11), day(4, 18)
    shares = {
        explained(alert("ModelPerformanceDegraded", *span, segment=f"origin={origin}"), truth).because
        for origin in ("EWR", "JFK", "LGA")
    }
    assert len(shares) == 3


def test_the_worst_day_is_named(truth: ServedFlights) -> None:
    page = explained(alert("ModelPerformanceDegraded", day(4, 4), day(4, 18), segment="origin=LGA"), truth)
    assert page.cause == "real"
    assert page.because == "23% of the real flights in that period were late (58% on 12 Apr), 20% before"


def test_each_known_event_was_a_bad_period_for_flights(truth: ServedFlights) -> None:
    for event in KNOWN:
        page = explained(alert("ModelPerformanceDegraded", day(event.first.month, event.first.day),
                               day(event.last.month, event.last.day) + timedelta(days=1)), truth)  # fmt: skip
        share = re.search(r"(\d+)% of the real flights", page.because)
        assert share is not None
        assert int(share[1]) / 100 > late_share(truth.first), event
