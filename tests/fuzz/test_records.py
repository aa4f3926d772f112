"""Invalid records on internal topics are refused, kept in `rejected`, and harmless."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import HUGE, broken_bytes, broken_json, broken_msgpack, broken_value, packed
from tests.fuzz.whole import FOLDS, records, states
from tests.upgrades.world import NOW_MS
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.fold.protocol import Record

TOPICS = {"evaluate": "profiles", "page": "findings", "notify": "alerts"}
SEEN: Counter[str] = Counter()


def _panes() -> list[Any]:
    decoded = [msgspec.msgpack.decode(record.value or b"") for record in records("profiles")]
    return [each for each in decoded if each["type"] == "pane"]


@st.composite
def broken_panes(draw: st.DrawFn) -> bytes:
    """Corrupt the profile of an otherwise valid pane."""
    pane = draw(st.sampled_from(_panes()[-400:]))
    profile = draw(broken_value(msgspec.msgpack.decode(pane["profile"])))
    rows = draw(st.sampled_from([pane["rows"], profile[0] if isinstance(profile, list) and profile else 0]))
    return packed({**pane, "profile": packed(profile), "rows": rows})


@st.composite
def values(draw: st.DrawFn, topic: str) -> bytes | None:
    good = draw(st.sampled_from(records(topic)[-400:])).value or b""
    kind = draw(st.sampled_from(["good", "broken", "broken", "broken", "tombstone"]))
    if kind == "good":
        return good
    if kind == "tombstone":
        return None
    if topic == "alerts":
        return draw(broken_json(msgspec.json.decode(good)))
    if topic == "profiles" and draw(st.booleans()):
        return draw(broken_panes())
    return draw(broken_msgpack(good))


def _fold(stage: str, taken: list[bytes | None]) -> tuple[Any, list[Rejection]]:
    """Fold records on the state of an incident, advance time until all is closed, and save."""
    folding = FOLDS[stage]()
    folding.restore(states()[stage])
    topic = TOPICS[stage]
    folding.fold(topic, [Record(n, NOW_MS, b"k", value) for n, value in enumerate(taken)], NOW_MS)
    outputs = folding.outputs()
    if stage == "evaluate":  # close all windows: an accepted record must not stop that
        later = [_watermark(n, beat) for beat in range(3) for n in (0, 1)]
        folding.fold(topic, [Record(99 + n, NOW_MS, b"k", value) for n, value in enumerate(later)], NOW_MS)
    folding.tick(NOW_MS + 60_000)
    outputs += folding.outputs()
    again = FOLDS[stage]()
    again.restore(folding.snapshot())
    again.tick(NOW_MS + 120_000)
    again.outputs()
    rejected = [msgspec.msgpack.decode(m.value, type=Rejection) for m in outputs if m.topic == "rejected"]
    return outputs, rejected


def _watermark(source: int, beat: int) -> bytes:
    """Return watermarks beyond all events, and then twice that all idle sources are still idle."""
    reached = {} if beat else {kind: {name: 1_767_250_000_000} for kind, name in KINDS}
    fields = {"source": f"ingest/{source}", "now_ms": NOW_MS + 10_000_000 + beat * 1000}
    return packed({"type": "watermark", **fields, "event_time_ms": reached, "idle": {}})


KINDS = [("predictions", "risk"), ("labels", "risk"), ("features", "weather")]


@pytest.mark.parametrize("stage", sorted(TOPICS))
@given(data=st.data())
def test_whatever_lies_on_our_topics_stops_no_stage(stage: str, data: st.DataObject) -> None:
    taken = data.draw(st.lists(values(TOPICS[stage]), min_size=1, max_size=5))
    _, rejected = _fold(stage, taken)
    assert len(rejected) <= len(taken)
    assert {each.offset for each in rejected} <= set(range(len(taken)))
    assert all(each.reason == "unreadable" and each.message for each in rejected)
    SEEN[f"{stage} refused"] += len(rejected)
    SEEN[f"{stage} taken"] += len(taken) - len(rejected)


def test_that_was_not_vacuous() -> None:
    if len(SEEN) < 6:
        pytest.skip("the other tests of this file did not run")
    assert min(SEEN.values()) > 10, SEEN


@pytest.mark.parametrize("stage", ["evaluate", "page"])
@pytest.mark.parametrize(
    "value",
    [
        b"\x82\xa4type\xa4pane\xa1x" + b"\x91" * 100_000,  # a RecursionError of msgspec
        b"\x82\xa4type\xa4pane\xa7subject\xa2\xff\xfe",  # a UnicodeDecodeError
        b"\x81\xa7subject\xa2\xff\xfe",
        *HUGE,
    ],
)
def test_poison_is_refused(stage: str, value: bytes) -> None:
    _, rejected = _fold(stage, [value])
    assert [each.reason for each in rejected] == ["unreadable"]


@pytest.mark.parametrize(
    ("index", "new", "why"),
    [
        (0, -1, "Expected `int` >= 0"),
        (0, 2**60, "Expected `int` <="),
        (5, [], "another number of numeric features than its layout"),
        (6, [], "another number of category features than its layout"),
        (7, [10**6, 1], "impossible buckets"),
        (7, [0, 10**9], "more latencies than rows"),
        (3, -5, "Expected `int` >= 0"),
    ],
)
def test_a_pane_with_an_impossible_profile_is_refused(index: int, new: Any, why: str) -> None:
    pane = next(each for each in reversed(_panes()) if each["kind"] == "predictions")
    profile = msgspec.msgpack.decode(pane["profile"])
    profile[index] = new
    _, (rejected,) = _fold("evaluate", [packed({**pane, "profile": packed(profile)})])
    assert why in rejected.message


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"rows": 10**6}, "its profile"),
        ({"start_ms": 10**17}, "Expected `int` <="),
        ({"end_ms": 5}, "a pane must end after its start"),
    ],
)
def test_a_pane_that_contradicts_itself_is_refused(changed: dict[str, int], why: str) -> None:
    _, (rejected,) = _fold("evaluate", [packed({**_panes()[-1], **changed})])
    assert why in rejected.message


def test_a_watermark_of_a_source_that_does_not_exist_is_refused() -> None:
    # Such a source would never report idleness, and block its subject forever.
    fields = {"type": "watermark", "source": "ingest/7", "now_ms": NOW_MS}
    value = packed({**fields, "event_time_ms": {}, "idle": {"labels": ["risk"]}})
    _, (rejected,) = _fold("evaluate", [value])
    assert "there is no source 'ingest/7'" in rejected.message


@pytest.mark.parametrize("time", ["2026-01-01T00:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_an_alert_whose_times_can_not_be_compared_is_refused(time: str) -> None:
    alert = msgspec.json.decode(records("alerts")[-1].value or b"")
    _, (rejected,) = _fold("notify", [msgspec.json.encode({**alert, "updated_at": time})])
    assert rejected.reason == "unreadable"


def test_evidence_that_has_no_json_is_refused() -> None:
    window = next(w for w in map(_decoded, reversed(records("findings"))) if w["findings"])
    window["findings"][0]["evidence"] = {"x": msgspec.msgpack.Ext(5, b"a")}
    _, (rejected,) = _fold("page", [packed(window)])
    assert "is not JSON" in rejected.message


def _decoded(record: Record) -> Any:
    return msgspec.msgpack.decode(record.value or b"")


@given(st.sampled_from(["profiles", "findings"]), st.data())
def test_flipped_bytes_stop_nothing(topic: str, data: st.DataObject) -> None:
    stage = "evaluate" if topic == "profiles" else "page"
    good = data.draw(st.sampled_from(records(topic)[-200:])).value or b""
    _fold(stage, [data.draw(broken_bytes(good)), good])
