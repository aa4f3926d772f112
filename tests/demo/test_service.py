"""Versions, training data and comparisons of the service, on real flights with a small model."""

import json
from datetime import date

import numpy as np
import pytest

from watchkeeper.demo import training
from watchkeeper.demo.events import BROKEN_EVERY
from watchkeeper.demo.flights import Flights
from watchkeeper.demo.service import DAY_MS, Service, Trained, learn
from watchkeeper.demo.year import START, at_ms

START_MS = at_ms(START)


@pytest.fixture(scope="module")
def first(flights: Flights) -> Trained:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(training.SETTINGS, "max_iter", 5)
        return learn(flights, at_ms(date(2013, 3, 1)), START_MS, [], "1")


@pytest.fixture
def service(flights: Flights, first: Trained) -> Service:
    return Service(flights, first.model, START_MS)


def test_a_version_learns_nothing_of_the_time_after_its_span(flights: Flights, first: Trained) -> None:
    assert first.flights.time_ms.max() < START_MS
    assert first.flights.landed_ms[first.flights.known].max() < START_MS
    assert training.auroc(first.held_out[first.flights.known], first.flights.late[first.flights.known]) > 0.5


def test_spans_with_faults_are_left_out(flights: Flights) -> None:
    start_ms, end_ms = at_ms(date(2013, 3, 1)), at_ms(date(2013, 3, 22))
    hole = at_ms(date(2013, 3, 10)), at_ms(date(2013, 3, 13))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(training.SETTINGS, "max_iter", 2)
        learned = learn(flights, start_ms, end_ms, [hole], "x").flights
    assert not ((learned.time_ms >= hole[0]) & (learned.time_ms < hole[1])).any()
    within = flights.between(*hole)
    whole = flights.between(start_ms, end_ms)
    assert len(learned) == (whole.stop - whole.start) - (within.stop - within.start)


def test_the_old_version_answers_in_shadow_once_a_new_one_is_in_service(
    service: Service, first: Trained
) -> None:
    rollout_ms = START_MS + 10 * DAY_MS
    newer = training.DelayModel("2", first.model.known, first.model.classifier)
    service.install(newer, rollout_ms)
    assert service.versions(rollout_ms - 1) == ["1"]
    assert service.versions(rollout_ms) == ["2", "1"]
    asked = list(service.predictions(rollout_ms, rollout_ms + DAY_MS))
    versions = [json.loads(e.value)["model_version"] for e in asked if e.value.endswith(b"}")]
    assert versions.count("1") == versions.count("2")
    assert len(service.compare("1", "2", rollout_ms, rollout_ms + DAY_MS)) < len(versions) / 2
    assert len(service.compare("1", "2", START_MS, rollout_ms)) == 0


def test_each_flight_that_landed_gets_one_label_and_no_other_does(service: Service, flights: Flights) -> None:
    end_ms = START_MS + 5 * DAY_MS
    published = [json.loads(event.value) for event in service.labels(START_MS, end_ms)]
    landed = (flights.time_ms >= START_MS) & (flights.landed_ms >= START_MS) & (flights.landed_ms < end_ms)
    assert len(published) == landed.sum() > 1000
    assert {label["prediction_id"] for label in published} == set(flights.ids[landed].tolist())


def test_one_prediction_in_two_thousand_comes_cut_off_and_then_again(service: Service) -> None:
    events = list(service.predictions(START_MS, START_MS + 20 * DAY_MS))
    broken = [event for event in events if not event.value.endswith(b"}")]
    assert len(broken) == pytest.approx(len(events) / BROKEN_EVERY, abs=10)
    assert broken
    whole = {event.key for event in events if event.value.endswith(b"}")}
    assert {event.key for event in broken} <= whole


def test_a_carrier_that_the_model_has_not_seen_is_scored_as_unknown(flights: Flights, first: Trained) -> None:
    few = flights.take(slice(0, 5))
    named = {**few.features, "carrier": np.array(["??"] * 5, object)}
    scores = first.model.score(Flights(few.time_ms, few.ids, named, few.landed_ms, few.late))
    assert np.isfinite(scores).all()
