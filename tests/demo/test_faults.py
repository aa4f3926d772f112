"""The injected faults change the stated values in the stated span, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from watchkeeper.demo.events import MODEL, VIEW
from watchkeeper.demo.faults import FAULTS, NULL_SHARE, DemoFault, inject
from watchkeeper.demo.flights import Flights, Weather


def same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one == other) | ((one != one) & (other != other))


@pytest.fixture(scope="module")
def served(flights: Flights) -> Flights:
    return inject(flights, MODEL)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_values_change_within_the_span_of_a_fault_and_nowhere_else(
    fault: DemoFault, flights: Flights, served: Flights
) -> None:
    inside = np.zeros(len(flights), bool)
    inside[flights.between(fault.began_ms, fault.ended_ms)] = True
    kept = same(flights.features[fault.feature], served.features[fault.feature])
    assert kept[~inside].all()
    assert kept[inside].mean() < 0.9


def test_the_real_rows_and_all_other_features_stay_as_they_are(flights: Flights, served: Flights) -> None:
    touched = {fault.feature for fault in FAULTS}
    assert touched == {"humid", "temp", "carrier"}
    for name in set(flights.features) - touched:
        assert served.features[name] is flights.features[name]
    assert served.late is flights.late
    assert served.time_ms is flights.time_ms


def test_seven_of_ten_values_are_lost(flights: Flights, served: Flights) -> None:
    fault = FAULTS[0]
    lost = np.isnan(served.features["humid"][flights.between(fault.began_ms, fault.ended_ms)])
    assert lost.mean() == pytest.approx(NULL_SHARE, abs=0.03)


def test_the_new_code_of_a_carrier_is_used_by_nobody_else(flights: Flights, served: Flights) -> None:
    assert "XE" not in set(flights.features["carrier"].tolist())
    rows = flights.between(FAULTS[2].began_ms, FAULTS[2].ended_ms)
    was, now = flights.features["carrier"][rows], served.features["carrier"][rows]
    assert ((was == "EV") == (now == "XE")).all()
    assert (now == "XE").mean() > 0.1


def test_only_the_unit_change_is_in_the_weather_feed(weather: Weather) -> None:
    reports = inject(weather, VIEW)
    changed = [n for n in weather.features if reports.features[n] is not weather.features[n]]
    assert changed == ["temp"]


def test_faults_do_not_overlap_and_come_in_order() -> None:
    for before, after in pairwise(FAULTS):
        assert before.ended < after.began
