"""Texts of any length: the event is refused, or the text is cut, and nothing that leaves is long."""

import json

import msgspec
import pytest

from tests.streams.ingest.test_quarantine import rejections
from tests.streams.ingest.test_stage import NOW_MS, fold, label, prediction, records
from watchkeeper.schemas.limits import MODEL_VERSION_MAX, PREDICTION_ID_MAX, SEGMENT_VALUE_MAX
from watchkeeper.schemas.profiles import Pane, ToEvaluate
from watchkeeper.streams.ingest.panes import VERSIONS_MAX

LONG = "x" * 200_000
ONE = prediction(1, 1)


def panes(events: list[object], topic: str = "predictions") -> list[Pane]:
    ingest = fold()
    ingest.fold(topic, records(events), NOW_MS)
    ingest.fold("predictions", records([prediction(999, 900)], first=len(events)), NOW_MS)
    sent = [
        msgspec.msgpack.decode(m.value, type=ToEvaluate) for m in ingest.outputs() if m.topic == "profiles"
    ]
    return [each for each in sent if isinstance(each, Pane)]


def test_long_versions_are_cut_and_stay_apart() -> None:
    found = panes([{**prediction(i, i), "model_version": f"{LONG}{i}"} for i in range(8)])
    versions = {pane.version for pane in found}
    assert len(versions) == 8
    assert max(map(len, versions)) <= MODEL_VERSION_MAX


def test_more_versions_than_the_limit_are_one() -> None:
    found = panes([{**prediction(i, 1), "model_version": f"{LONG}{i}"} for i in range(100)])
    assert len({pane.version for pane in found}) == VERSIONS_MAX + 1


@pytest.mark.parametrize("score", [0.5, 50])
def test_long_segment_values_are_cut_and_stay_apart(score: float) -> None:
    features = {**ONE["features"], "country": ""}  # type: ignore[dict-item]
    events = [{**prediction(i, i), "features": {**features, "country": f"{LONG}{i}"}} for i in range(8)] + [
        {**prediction(9, 9), "prediction": {"score": score}}
    ]
    segments = {pane.segment for pane in panes(events) if pane.segment}
    assert sum("xxx" in segment for segment in segments) == 8
    assert max(map(len, segments)) <= len("country=") + SEGMENT_VALUE_MAX


@pytest.mark.parametrize("topic", ["predictions", "labels"])
@pytest.mark.parametrize("length", [PREDICTION_ID_MAX, PREDICTION_ID_MAX + 1, 200_000])
def test_an_event_with_a_long_id_is_refused(topic: str, length: int) -> None:
    ingest = fold()
    event = {**(ONE if topic == "predictions" else label(1, 1)), "prediction_id": "p" * length}
    ingest.fold(topic, records([event]), NOW_MS)
    refused = [(each.reason, each.message) for each in rejections(ingest)]
    if length <= PREDICTION_ID_MAX:
        assert refused == []
    else:
        assert refused == [("invalid_event", "Expected `str` of length <= 256 - at `$.prediction_id`")]


@pytest.mark.parametrize(
    "event",
    [
        {**ONE, "model": LONG},
        {**ONE, "model_version": [LONG]},
        {**ONE, "event_time": LONG},
        {**ONE, LONG: LONG},
        {**ONE, "prediction": {LONG: 1}},
        json.dumps({**ONE, "trace_id": LONG}).encode()[:-1],
    ],
)
def test_the_message_of_a_rejection_is_short(event: object) -> None:
    ingest = fold()
    ingest.fold("predictions", records([event]), NOW_MS)
    assert max([len(each.message) for each in rejections(ingest)], default=0) < 1000
