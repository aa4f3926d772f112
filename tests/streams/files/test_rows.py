"""Which field of an event each column of a table becomes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import yaml

from tests.streams.cli.cli_runs import MONITOR
from watchkeeper.schemas.events import FeatureEvent, Label, Prediction
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.files.rows import RowMapping, as_event

FLIGHTS = Monitor.model_validate(yaml.safe_load(MONITOR))
WEATHER = Monitor.model_validate(
    {"feature_view": "weather", "owner": {"team": "ops"}, "features": {"temp": {"type": "number"}}}
)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_with_a_monitor_bare_names_are_features_and_segments() -> None:
    row = {
        "prediction_id": "p1", "event_time": AT, "carrier": "UA", "distance": None, "origin": "EWR",
        "score": 0.5, "label": 1, "latency_ms": 3, "comment": "x",
    }  # fmt: skip
    event = RowMapping("predictions", FLIGHTS).event(row)
    assert event == {
        "model": "flight-delay",
        "prediction_id": "p1",
        "event_time": "2026-01-01T00:00:00+00:00",
        "features": {"carrier": "UA", "distance": None},
        "prediction": {"score": 0.5},
        "segments": {"origin": "EWR"},
        "latency_ms": 3,
    }
    assert msgspec.convert(event, Prediction).event_time == AT


def test_an_output_that_is_nan_is_none() -> None:
    row = {"prediction_id": "p1", "event_time": AT, "carrier": "UA", "score": float("nan")}
    assert RowMapping("predictions", FLIGHTS).event(row)["prediction"] == {}


def test_without_a_monitor_columns_are_named_as_in_the_event() -> None:
    row = {
        "prediction_id": 17, "model": "m", "model_version": 2, "event_time": 1_767_225_600_000,
        "features.x": 1.5, "segments.origin": 9, "prediction.score": 0.5, "prediction.label": True, "x": 2,
    }  # fmt: skip
    mapping = RowMapping("predictions", None)
    event = msgspec.convert(mapping.event(row), Prediction)
    assert (event.prediction_id, event.model_version, event.event_time) == ("17", "2", 1_767_225_600_000)
    assert (event.features, event.segments) == ({"x": 1.5}, {"origin": "9"})
    assert (event.prediction.score, event.prediction.label) == (0.5, True)
    assert mapping.unused(row) == ["x"]


def test_a_table_of_history_gives_labels_too() -> None:
    row = {"prediction_id": "p1", "label": 1, "label_time": AT, "score": 0.5, "carrier": "UA"}
    event = RowMapping("labels", None, "m").event(row)
    label = {"model": "m", "prediction_id": "p1", "label": 1, "label_time": "2026-01-01T00:00:00+00:00"}
    assert event == label
    assert msgspec.convert(event, Label).label == 1


def test_rows_of_a_feature_view() -> None:
    row = {"event_time": AT, "temp": Decimal("1.5"), "entity_id": 7}
    event = msgspec.convert(RowMapping("features", WEATHER).event(row), FeatureEvent)
    assert (event.feature_view, event.features, event.entity_id) == ("weather", {"temp": 1.5}, "7")


@pytest.mark.parametrize(
    "event",
    [
        {"prediction_id": "p", "model": "m", "features": {"x": 1}, "anything": "else"},
        {"specversion": "1.0", "data": {"prediction_id": "p", "features": {}}},
        {"specversion": "1.0", "data": {"prediction_id": "p", "label": True}},
    ],
)
def test_an_event_on_the_wire_stays_as_it_is(event: dict[str, Any]) -> None:
    assert as_event(event) == event.get("data", event)
    assert RowMapping("predictions", None).event(event) == event


def test_an_event_that_names_no_model_is_given_the_one_that_was_named() -> None:
    event = {"prediction_id": "p", "features": {"x": 1}}
    assert RowMapping("predictions", None, "m").event(event) == {"model": "m", **event}
    assert RowMapping("predictions", None, "m").event({**event, "model": "own"})["model"] == "own"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone; write it in UTC"):
        RowMapping("predictions", FLIGHTS).event({"event_time": datetime(2026, 1, 1)})


def test_what_is_declared_and_not_there_is_known() -> None:
    mapping = RowMapping("predictions", FLIGHTS)
    assert mapping.not_found(["carrier", "features.distance", "x"]) == ["dep_hour", "holiday"]


def test_types_of_a_csv_file_are_those_of_the_monitor() -> None:
    types = RowMapping("predictions", FLIGHTS).types()
    assert types["features.dep_hour"] == types["dep_hour"] == "integer"
    assert types["prediction_id"] == types["origin"] == types["segments.origin"] == "category"
    assert "score" not in types
