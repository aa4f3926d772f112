"""The examples of a reference: from tables and from events, with labels, and as ingest would see them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.streams.cli.cli_runs import MONITOR, rows, write_csv
from watchkeeper.detectors.checks.reference import reference_rows
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files import examples
from watchkeeper.streams.files.examples import Examples, FeatureReport
from watchkeeper.streams.files.reference_file import ReferenceFile

FLIGHTS = Monitor.model_validate(yaml.safe_load(MONITOR))
PREDICTION: dict[str, Any] = {
    "prediction_id": "p1",
    "model": "flight-delay",
    "event_time": "2026-01-01T00:00:00Z",
    "features": {"dep_hour": 1, "carrier": "UA", "distance": 1.5, "holiday": True},
    "prediction": {"score": 0.5},
    "segments": {"origin": "EWR"},
}
LABEL: dict[str, Any] = {"prediction_id": "p1", "label_time": "2026-01-02T00:00:00Z", "label": True}


def write_ndjson(path: Path, documents: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def test_a_table_and_its_events_make_the_same_reference(tmp_path: Path) -> None:
    table = rows(50)
    events, labels = [], []
    for row in table:
        features = {
            "dep_hour": int(row["dep_hour"]),
            "carrier": row["carrier"],
            "distance": None if row["distance"] == "NA" else float(row["distance"]),
            "holiday": row["holiday"] == "true",
        }
        known = {"prediction_id": row["prediction_id"], "event_time": row["event_time"]}
        answer = {"prediction": {"score": float(row["score"])}, "segments": {"origin": row["origin"]}}
        events.append({**known, "model": "flight-delay", "features": features, **answer})
        if row["label"]:
            labels.append({**LABEL, "prediction_id": row["prediction_id"], "label": int(row["label"])})
    flat = ReferenceFile(write_csv(tmp_path / "rows.csv", table), FLIGHTS)
    wire = ReferenceFile(write_ndjson(tmp_path / "a.ndjson", [*labels, *events]), FLIGHTS)
    wrapped = [{"specversion": "1.0", "data": event} for event in [*events, *labels]]
    structured = ReferenceFile(write_ndjson(tmp_path / "b.ndjson", wrapped), FLIGHTS)
    assert flat.examples.rows == 50
    assert flat.examples.labelled == len(labels) == 37
    references = [source.examples.reference(None, 0) for source in (flat, wire, structured)]
    assert references[0] == references[1] == references[2]
    assert flat.unused == ["note"]
    assert wire.unused == structured.unused == []


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = rows(50)
    table[20]["distance"] = "far"
    table[40]["score"] = ""
    path = write_csv(tmp_path / "rows.csv", table)
    whole = ReferenceFile(path, FLIGHTS).examples
    monkeypatch.setattr(examples, "_CHUNK", 7)
    parts = ReferenceFile(path, FLIGHTS).examples
    assert parts.report() == whole.report()
    assert parts.reference(None, 0) == whole.reference(None, 0)


def test_missing_and_wrong_values_are_counted_apart() -> None:
    given = Examples(FLIGHTS)
    for distance in (1.0, None, "far", 2.0):
        given.add_event({"features": {"dep_hour": 1.5, "distance": distance, "carrier": "UA"}})
    assert given.report() == [
        FeatureReport("dep_hour", 0, 4),
        FeatureReport("distance", 1, 1),
        FeatureReport("carrier", 0, 0),
        FeatureReport("holiday", 4, 0),
    ]
    assert (given.rows, given.scored, given.labelled) == (4, 0, 0)


def test_a_prediction_that_comes_twice_is_one_row() -> None:
    given = Examples(FLIGHTS)
    given.add_event(PREDICTION)
    given.add_event(PREDICTION)
    given.label("p1", True)
    given.label("unknown", True)
    assert (given.rows, given.labelled) == (1, 1)


def test_a_label_is_corrected_and_taken_back(tmp_path: Path) -> None:
    corrected = [PREDICTION, LABEL, {**LABEL, "label": False}]
    once = [PREDICTION, {**LABEL, "label": False}]
    retracted = [*corrected, {"prediction_id": "p1", "label_time": LABEL["label_time"], "retracted": True}]
    found = [
        ReferenceFile(write_ndjson(tmp_path / "a.ndjson", events), FLIGHTS).examples
        for events in (corrected, once, retracted)
    ]
    assert [given.labelled for given in found] == [1, 1, 0]
    assert found[0].reference(None, 0) == found[1].reference(None, 0)
    assert found[2].reference(None, 0).labels is None


def test_without_scores_labels_measure_nothing() -> None:
    given = Examples(FLIGHTS)
    given.add_event({"features": {"dep_hour": 1}})
    given.label(None, True)
    assert given.labelled == 1
    assert given.reference(None, 0).labels is None


def test_segments_have_profiles_of_their_own(tmp_path: Path) -> None:
    source = ReferenceFile(write_csv(tmp_path / "rows.csv", rows(50)), FLIGHTS)
    reference = source.examples.reference("2", 5)
    assert set(reference.segments) == {"origin=EWR", "origin=JFK"}
    parts = [reference_rows(reference, segment) for segment in reference.segments]
    assert sum(part.rows for part in parts if part is not None) == 50
    assert (reference.version, reference.built_at_ms) == ("2", 5)


def test_a_regression_has_values_as_its_output() -> None:
    monitor = Monitor.model_validate(
        {**yaml.safe_load(MONITOR), "task": "regression", "labels": {"metrics": {"mae": {}}}}
    )
    given = Examples(monitor)
    for value in range(10):
        given.add_event({"features": {"dep_hour": value}, "prediction": {"value": 100.0 * value}})
        given.label(None, 100.0 * value + 5)
    profile = reference_rows(given.reference(None, 0), None)
    assert profile is not None
    assert given.scored == given.labelled == 10
    assert profile.output is not None
    assert 300.0 < profile.output.mean < 600.0


def test_no_rows_make_no_reference() -> None:
    with pytest.raises(UserError, match="there are no rows of flight-delay"):
        Examples(FLIGHTS).reference(None, 0)


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({}, "Expected `object` - at `\\$.features`"),
        ({"features": []}, "Expected `object` - at `\\$.features`"),
        ({"features": {}, "prediction": {"score": "high"}}, "the score is 'high'; it must be a number"),
        (
            {"features": {}, "prediction": {"score": -0.1}},
            "the score is -0.1; it must be a number from 0 to 1",
        ),
        ({"features": {}, "prediction": []}, "Expected `object`, got `array`"),
        ({"features": {}, "prediction_id": 7}, "Expected `str`, got `int`"),
    ],
)
def test_an_event_that_is_refused_is_no_example(event: dict[str, Any], why: str) -> None:
    given = Examples(FLIGHTS)
    with pytest.raises(ValueError, match=why):
        given.add_event(event)
    assert given.rows == 0


@pytest.mark.parametrize("label", ["late", [], {}])
def test_a_label_that_is_neither_true_false_nor_a_number_is_refused(label: object) -> None:
    given = Examples(FLIGHTS)
    given.add_event(PREDICTION)
    with pytest.raises(ValueError, match="it must be true, false or a number"):
        given.label("p1", label)
