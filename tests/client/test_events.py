"""The bytes that the client writes, and the other ways in which the same events may come."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from watchkeeper.schemas.events import FeatureEvent, Label, Prediction
from watchkeeper_client import events

GOLDEN = Path(__file__).parents[1] / "schemas" / "golden" / "events"
ALL = sorted(path.stem for path in GOLDEN.glob("*.json"))
TYPES = {"predictions": Prediction, "labels": Label, "features": FeatureEvent}
PREDICTED_AT = "2026-01-01T06:30:00.123Z"
LABELLED_AT = "2026-01-01T09:05:00.000Z"

WRITTEN = {
    "prediction-classification": events.prediction(
        "flight-delay",
        "UA1545-2013-01-01",
        {"dep_hour": 5, "carrier": "UA", "distance": 1400.0, "temp": None, "holiday": True},
        {"score": 0.31, "label": False},
        PREDICTED_AT,
        "/flight-delay",
        {
            "model_version": "2026-01",
            "segments": {"origin": "EWR"},
            "latency_ms": 3.5,
            "environment": "production",
            "entity_id": "N14228",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        },
    ),
    "prediction-regression": events.prediction(
        "flight-minutes", "p-7", {"distance": 1400.0}, {"value": 227.4}, PREDICTED_AT, "/flight-minutes", {}
    ),
    "label": events.label(
        "UA1545-2013-01-01", LABELLED_AT, "/flight-delay", {"model": "flight-delay", "label": True}
    ),
    "label-retracted": events.label("UA1545-2013-01-01", LABELLED_AT, "/flight-delay", {"retracted": True}),
    "feature": events.feature(
        "weather",
        {"temp": 39.02, "wind_dir": 260, "visib": 10.0},
        PREDICTED_AT,
        "/weather-feed",
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        {"entity_id": "EWR"},
    ),
}


def golden(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return document


def data_of(document: dict[str, Any]) -> bytes:
    value = document["value"].encode()
    if document["headers"].get("content-type", "").startswith("application/cloudevents+json"):
        return json.dumps(json.loads(value)["data"]).encode()
    return bytes(value)


def test_every_event_is_there_in_every_mode() -> None:
    modes = "bare", "binary", "structured"
    assert sorted(f"{name}.{mode}" for name in WRITTEN for mode in modes) == ALL


@pytest.mark.parametrize("name", WRITTEN)
def test_the_client_writes_exactly_the_golden_bytes(name: str) -> None:
    event, document = WRITTEN[name], golden(f"{name}.binary")
    assert event.topic == document["topic"]
    assert event.key.decode() == document["key"]
    assert {header: value.decode() for header, value in event.headers} == document["headers"]
    assert event.value.decode() == document["value"]


@pytest.mark.parametrize("name", ALL)
def test_every_golden_event_fits_its_schema_with_nothing_left_over(name: str) -> None:
    document = golden(name)
    schema = TYPES[document["topic"]]
    strict = msgspec.defstruct("Strict", [], bases=(schema,), forbid_unknown_fields=True, frozen=True)
    assert isinstance(msgspec.json.decode(data_of(document), type=strict), schema)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_modes_carry_the_same_data(name: str) -> None:
    bare, binary, structured = (golden(f"{name}.{mode}") for mode in ("bare", "binary", "structured"))
    assert bare["headers"] == {}
    assert bare["value"] == binary["value"]
    assert json.loads(data_of(structured)) == json.loads(bare["value"])
    wrapped = json.loads(structured["value"])
    assert {f"ce_{key}": wrapped[key] for key in ("specversion", "type", "source", "id", "time")} == {
        key: value for key, value in binary["headers"].items() if key.startswith("ce_")
    }


def test_a_feature_row_without_an_entity_is_keyed_by_its_view() -> None:
    event = events.feature("weather", {"temp": 1.0}, PREDICTED_AT, "/w", "id", {})
    assert event.key == b"weather"
    assert b"entity_id" not in event.value


def test_every_event_can_name_its_environment() -> None:
    given = {"environment": "staging"}
    made = [
        events.prediction("m", "p", {"x": 1.0}, {"score": 0.5}, PREDICTED_AT, "/m", given),
        events.label("p", LABELLED_AT, "/m", {"label": True, **given}),
        events.feature("weather", {"temp": 1.0}, PREDICTED_AT, "/w", "id", given),
    ]
    assert [json.loads(event.value)["environment"] for event in made] == ["staging"] * 3
    with pytest.raises(ValueError, match="environment must be a text"):
        events.feature("weather", {"temp": 1.0}, PREDICTED_AT, "/w", "id", {"environment": ""})


def test_numpy_scalars_are_written_as_their_values() -> None:
    features = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": np.str_("x"), "e": np.nan}
    event = events.prediction("m", "p", features, {"score": np.float64(0.25)}, PREDICTED_AT, "/m", {})
    decoded = msgspec.json.decode(event.value, type=Prediction)
    assert decoded.features == {"a": 0.5, "b": 3, "c": True, "d": "x", "e": None}
    assert decoded.prediction.score == 0.25


def test_labels_and_scores_may_be_any_kind_of_number() -> None:
    for label in (True, 0, 1.5, np.bool_(False), np.float32(0.5), Decimal("0.5")):
        event = events.label("p", PREDICTED_AT, "/m", {"label": label})
        assert msgspec.json.decode(event.value)["label"] == float(label)
    for score in (0, 1, 0.5, np.float32(0.5), Decimal("0.5")):
        event = events.prediction("m", "p", {"x": 1}, {"score": score}, PREDICTED_AT, "/m", {})
        assert msgspec.json.decode(event.value)["prediction"]["score"] == float(score)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (datetime(2026, 1, 1, 7, 30, tzinfo=timezone(timedelta(hours=1))), "2026-01-01T06:30:00.000Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC), "2026-01-01T00:00:00.999Z"),
    ],
)
def test_times_are_written_in_utc_with_milliseconds(time: datetime | int, text: str) -> None:
    assert events.rfc3339(time) == text
