"""Whatever services publish, every event is accounted for once, and nothing stops the fold."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import broken_json
from tests.streams.ingest.test_stage import NOW_MS, at, fold, label, prediction
from watchkeeper.schemas.profiles import ToEvaluate
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.fold.protocol import Record

FEATURE = {"feature_view": "weather", "event_time": at(3), "features": {"temp": 3.5}, "entity_id": "EWR"}
GOOD: dict[str, list[dict[str, Any]]] = {
    "predictions": [
        prediction(1, 1, segments={"terminal": "C"}, latency_ms=3.5),
        prediction(2, 2, model_version="2", prediction={"score": 0.3, "label": True, "probabilities": [0.3]}),
    ],
    "labels": [label(1, 5), label(2, 6, retracted=True), label(3, 7, 0.5)],
    "features": [FEATURE, {**FEATURE, "event_time": 1_767_225_600_123}],
}
TYPES = {"predictions": "prediction", "labels": "label", "features": "feature"}
SEEN: Counter[str] = Counter()

NAMES = ["content-type", "ce_type", "ce_specversion", "ce_time", "ce_id", "wk-source", "é", ""]
CONTENTS = [
    b"application/json; charset=utf-8", b"application/cloudevents+json", b"text/csv", b"1.0", b"2.0", b"\xff",
    b"2026-01-01T00:00:00Z", b"io.watchkeeper.prediction.v1", b"io.watchkeeper.prediction.v2", b"x" * 3000,
]  # fmt: skip
content = st.one_of(st.none(), st.binary(max_size=10), st.sampled_from(CONTENTS))
headers = st.lists(st.tuples(st.sampled_from(NAMES), content), max_size=4)


@st.composite
def values(draw: st.DrawFn, topic: str) -> bytes | None:
    event = draw(st.sampled_from(GOOD[topic]))
    if draw(st.booleans()):
        event = {
            "specversion": "1.0", "id": "1", "source": "/", "type": f"io.watchkeeper.{TYPES[topic]}.v1",
            "datacontenttype": "application/json", "data": event,
        }  # fmt: skip
    kind = draw(st.sampled_from(["good", "broken", "broken", "broken", "tombstone"]))
    if kind == "good":
        return msgspec.json.encode(event)
    return None if kind == "tombstone" else draw(broken_json(event))


@st.composite
def streams(draw: st.DrawFn) -> tuple[str, list[Record]]:
    topic = draw(st.sampled_from(sorted(GOOD)))
    drawn = draw(st.lists(st.tuples(values(topic), headers), min_size=1, max_size=6))
    return topic, [Record(n, NOW_MS, b"k", value, tuple(given)) for n, (value, given) in enumerate(drawn)]


@given(streams(), st.integers(1, 6))
def test_every_event_is_accounted_for_and_none_stops_the_fold(
    given: tuple[str, list[Record]], chunk: int
) -> None:
    topic, records = given
    ingest = fold()
    for first in range(0, len(records), chunk):
        ingest.fold(topic, records[first : first + chunk], NOW_MS)
    account = ingest.partition.accounts[topic]
    assert account.total == len(records)
    outputs = ingest.outputs()
    rejected = [msgspec.msgpack.decode(m.value, type=Rejection) for m in outputs if m.topic == "rejected"]
    assert len(rejected) == account.rejected
    assert all(len(each.message) < 10_000 and len(each.value) <= 64_000 for each in rejected)
    for message in outputs:
        if message.topic == "profiles":
            msgspec.msgpack.decode(message.value, type=ToEvaluate)
    SEEN.update(each.reason for each in rejected)
    SEEN["accepted"] += account.accepted
    SEEN["late"] += account.late
    SEEN["duplicate"] += account.duplicate
    # The accepted events can be saved, restored and closed.
    again = fold()
    again.restore(ingest.snapshot())
    assert again.partition.accounts[topic] == account
    for name in GOOD:
        again.caught_up(name, NOW_MS)
        again.caught_up(name, NOW_MS + 60_000)
    for message in again.outputs():
        msgspec.msgpack.decode(message.value, type=ToEvaluate)


@given(streams())
def test_the_same_events_are_refused_in_all_chunkings(given: tuple[str, list[Record]]) -> None:
    topic, records = given
    whole, one_by_one = fold(), fold()
    whole.fold(topic, records, NOW_MS)
    for record in records:
        one_by_one.fold(topic, [record], NOW_MS)
    assert whole.partition.accounts == one_by_one.partition.accounts
    keys = [[m.value for m in each.outputs() if m.topic == "rejected"] for each in (whole, one_by_one)]
    assert keys[0] == keys[1]


def test_that_was_not_vacuous() -> None:
    """Runs after the others. They saw valid events, and invalid ones of each kind."""
    if not SEEN:
        pytest.skip("the other tests of this file did not run")
    assert SEEN["accepted"] > 30
    assert {"empty", "malformed_json", "invalid_event", "unsupported_content"} <= set(SEEN)


def _one(topic: str, value: bytes, given: tuple[tuple[str, bytes | None], ...] = ()) -> list[Rejection]:
    ingest = fold()
    ingest.fold(topic, [Record(0, NOW_MS, None, value, given)], NOW_MS)
    return [
        msgspec.msgpack.decode(m.value, type=Rejection) for m in ingest.outputs() if m.topic == "rejected"
    ]


def test_a_header_without_a_value_stops_nothing() -> None:
    refused = _one("labels", b"garbage", (("content-type", None), ("ce_time", None)))
    assert [each.reason for each in refused] == ["malformed_json"]


@pytest.mark.parametrize(
    ("ce_type", "accepted"),
    [
        (b"io.watchkeeper.prediction.v1", True),
        (b"io.watchkeeper.prediction.v2", False),
        (b"io.watchkeeper.prediction.v10", False),
        (b"com.acme.scored.v7", True),
    ],
)
def test_an_event_of_a_newer_version_is_refused_even_if_it_looks_good(ce_type: bytes, accepted: bool) -> None:
    value = msgspec.json.encode(GOOD["predictions"][0])
    binary = _one("predictions", value, (("ce_specversion", b"1.0"), ("ce_type", ce_type)))
    envelope = {"specversion": "1.0", "type": ce_type.decode(), "data": GOOD["predictions"][0]}
    structured = _one("predictions", msgspec.json.encode(envelope))
    for refused in (binary, structured):
        assert [each.reason for each in refused] == ([] if accepted else ["unsupported_content"])


def test_another_major_version_of_cloudevents_is_refused() -> None:
    envelope = {"specversion": "2.0", "type": "x", "data": GOOD["labels"][0]}
    assert [each.reason for each in _one("labels", msgspec.json.encode(envelope))] == ["unsupported_content"]
