"""Ingest through bytes: what is folded, what is rejected, and that chunking and restarts change nothing."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.detectors import tasks
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import Pane, ToEvaluate, Watermark
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.ingest.stage import IngestFold

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
MONITOR = Monitor.model_validate(
    {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {
            "age": {"type": "integer", "range": [0, 120]},
            "income": {"type": "number"},
            "country": {"type": "category"},
            "member": {"type": "boolean"},
        },
        "segments": ["country"],
        "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT1M"},
        "labels": {"expected_within": "PT1H"},
    }
)
VIEW = Monitor.model_validate(
    {
        "feature_view": "weather",
        "owner": {"team": "ml"},
        "features": {"temp": {"type": "number"}},
        "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT1M"},
    }
)
REGISTRY = Registry.fixed({"risk": Watched(MONITOR, {}), "weather": Watched(VIEW, {})})


def fold(number: int = 0) -> IngestFold:
    return IngestFold(number, 2, REGISTRY, idle_ms=5_000)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def prediction(i: int, seconds: float, **changes: object) -> dict[str, object]:
    features = {
        "age": 30 + i % 9,
        "income": 1.5 * i,
        "country": "NL" if i % 3 else "BE",
        "member": i % 2 == 0,
    }
    event = {"prediction_id": f"p{i}", "model": "risk", "model_version": "1", "event_time": at(seconds)}
    return {**event, "features": features, "prediction": {"score": (i % 10) / 10}, **changes}


def label(i: int, seconds: float, value: object = True, **changes: object) -> dict[str, object]:
    return {"prediction_id": f"p{i}", "model": "risk", "label": value, "label_time": at(seconds), **changes}


def records(events: list[object], first: int = 0) -> list[Record]:
    values = [e if isinstance(e, bytes | None) else json.dumps(e).encode() for e in events]
    return [Record(first + i, NOW_MS, b"k", value) for i, value in enumerate(values)]


def panes(messages: list[Message]) -> list[Pane]:
    decoded = [msgspec.msgpack.decode(m.value, type=ToEvaluate) for m in messages if m.topic == "profiles"]
    return [message for message in decoded if isinstance(message, Pane)]


def rejections(messages: list[Message]) -> list[Rejection]:
    return [msgspec.msgpack.decode(m.value, type=Rejection) for m in messages if m.topic == "rejected"]


def rows_of(pane: Pane) -> RowsProfile:
    return RowsProfile.decode(pane.profile, REGISTRY.get("risk").latest.layout(pane.version))


def labels_of(pane: Pane) -> LabelsProfile:
    layout = REGISTRY.get("risk").latest.layout(pane.version)
    return tasks.labels_of(layout).decode(pane.profile, layout)


def test_a_pane_closes_when_event_time_has_passed_it_by_the_lateness():
    ingest = fold()
    ingest.fold("predictions", records([prediction(i, 10 * i) for i in range(12)]), NOW_MS)
    assert panes(ingest.outputs()) == []  # 110 s: the first minute ends at 60 s, and waits until 120 s
    ingest.fold("predictions", records([prediction(12, 120)], 12), NOW_MS)
    closed = panes(ingest.outputs())
    assert {(p.segment, p.rows) for p in closed} == {(None, 6), ("country=NL", 4), ("country=BE", 2)}
    assert {(p.start_ms, p.end_ms) for p in closed} == {(closed[0].start_ms, closed[0].start_ms + 60_000)}


GARBAGE = {
    "malformed_json": [b'{"model": "risk"', b"\xff\xfe", b"[" * 100_000, b"nan", b'{"a": NaN}'],
    "empty": [None, b""],
    "invalid_event": [
        b"[1, 2]", b"7", {"model": "risk"}, {k: v for k, v in prediction(1, 1).items() if k != "model"},
        prediction(1, 1, features=[1]), prediction(1, 1, event_time="2026-01-01"),
        prediction(1, 1, prediction_id=5),
    ],
    "unknown_model": [prediction(1, 1, model="other"), prediction(1, 1, model="x" * 5000)],
    "time_out_of_range": [
        prediction(1, 1, event_time="1970-01-01T00:00:00Z"),
        prediction(1, 1, event_time=2**70),
        prediction(1, 1, event_time=5), prediction(1, 1, event_time=2**63 - 1),
    ],
    "time_ahead": [prediction(1, 1, event_time="2200-01-01T00:00:00Z")],
    "too_large": [prediction(1, 1, features={"country": "x" * 10_000_000})],
}  # fmt: skip


@pytest.mark.parametrize("reason", GARBAGE)
def test_garbage_is_rejected_with_its_reason_and_found_again(reason):
    ingest = fold()
    mixed = [prediction(100, 1), *GARBAGE[reason], prediction(101, 2)]
    ingest.fold("predictions", records(mixed), NOW_MS)
    found = rejections(ingest.outputs())
    assert Counter(r.reason for r in found) == {reason: len(GARBAGE[reason])}
    assert [r.offset for r in found] == list(range(1, len(mixed) - 1))
    assert all(r.message and r.topic == "predictions" for r in found)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.rejected) == (2, len(GARBAGE[reason]))


def test_a_broken_output_counts_against_the_output_and_not_the_event():
    ingest = fold()
    outputs = [
        {"score": 0.5},
        {"score": 37.5},
        {"score": "0.5"},
        {"score": True},
        {"score": None},
        {},
        {"label": 1},
    ]
    events = [prediction(i, 1, prediction=output) for i, output in enumerate(outputs)]
    ingest.fold("predictions", records(events), NOW_MS)
    ingest.fold("predictions", records([prediction(9, 200)], 9), NOW_MS)
    profile = rows_of(next(p for p in panes(ingest.outputs()) if p.segment is None))
    output = profile.output
    assert (output.rows, output.usable, output.outside) == (7, 2, 1)
    assert (output.wrong_type, output.missing, profile.labelled) == (2, 3, 1)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.rejected) == (8, 0)


def test_a_wrong_type_counts_against_the_feature_and_not_the_event():
    ingest = fold()
    odd = {"age": 3.5, "income": "much", "country": 7, "member": "yes"}
    ingest.fold("predictions", records([prediction(0, 1), prediction(1, 2, features=odd)]), NOW_MS)
    ingest.fold("predictions", records([prediction(2, 200)], 2), NOW_MS)
    pane = next(p for p in panes(ingest.outputs()) if p.segment is None)
    profile = rows_of(pane)
    assert pane.rows == 2
    assert [profile.number(n).wrong_type for n in ("age", "income")] == [1, 1]
    assert [profile.category(n).wrong_type for n in ("country", "member")] == [1, 1]


def test_absent_and_null_features_are_missing():
    ingest = fold()
    events = [prediction(0, 1, features={}), prediction(1, 2, features={"age": None, "country": None})]
    ingest.fold("predictions", records([*events, prediction(2, 200)]), NOW_MS)
    profile = rows_of(next(p for p in panes(ingest.outputs()) if p.segment is None))
    assert [profile.number(n).missing for n in ("age", "income")] == [2, 2]
    assert [profile.category(n).missing for n in ("country", "member")] == [2, 2]


def test_a_repeated_prediction_is_counted_once_and_then_as_a_duplicate():
    ingest = fold()
    ingest.fold("predictions", records([prediction(0, 1), prediction(0, 1), prediction(1, 2)]), NOW_MS)
    ingest.fold("predictions", records([prediction(1, 2), prediction(2, 200)], 3), NOW_MS)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.duplicate) == (3, 2)
    pane = next(p for p in panes(ingest.outputs()) if p.segment is None)
    assert (pane.rows, rows_of(pane).duplicates) == (2, 2)


def test_a_late_row_is_counted_as_late_whatever_the_chunks():
    events = [prediction(0, 1), prediction(1, 200), prediction(2, 30), prediction(3, 100)]
    for cut in range(5):
        ingest = fold()
        ingest.fold("predictions", records(events[:cut]), NOW_MS)
        ingest.fold("predictions", records(events[cut:], cut), NOW_MS)
        account = ingest.partition.accounts["predictions"]
        assert (account.accepted, account.late) == (2, 2)


def test_a_label_that_came_before_its_prediction_is_no_orphan():
    ingest = fold()
    ingest.fold("labels", records([label(0, 10)]), NOW_MS)
    ingest.fold("predictions", records([prediction(0, 1), prediction(1, 3_000)]), NOW_MS)
    assert (ingest.partition.labels.matched, ingest.partition.labels.orphaned) == (1, 0)


def test_a_label_without_a_model_is_an_orphan_too_once_its_time_is_over():
    ingest = fold()
    ingest.fold("labels", records([{k: v for k, v in label(77, 10).items() if k != "model"}]), NOW_MS)
    ingest.fold("predictions", records([prediction(0, 1), prediction(1, 3_000)]), NOW_MS)
    assert ingest.partition.labels.orphaned == 1


@pytest.mark.parametrize("labels_first", [False, True])
def test_labels_join_in_either_order(labels_first):
    ingest = fold()
    predictions = [prediction(i, i) for i in range(10)]
    labels = [label(i, 30 + i, i % 2) for i in range(10)]
    parts = [("predictions", predictions), ("labels", labels)]
    for topic, events in reversed(parts) if labels_first else parts:
        ingest.fold(topic, records(events), NOW_MS)
    ingest.fold("predictions", records([prediction(50, 300)], 10), NOW_MS)
    ingest.fold("labels", records([label(50, 310)], 10), NOW_MS)
    closed = [p for p in panes(ingest.outputs()) if p.kind == "labels"]
    whole = labels_of(next(p for p in closed if p.segment is None))
    assert whole.labels == 10
    assert whole.confusion.sum() == 10
    assert {p.segment for p in closed} == {None, "country=NL", "country=BE"}


def test_a_later_label_corrects_and_a_retraction_removes():
    ingest = fold()
    ingest.fold("predictions", records([prediction(i, 1) for i in range(3)]), NOW_MS)
    first = [label(i, 10 + i, False) for i in range(3)]
    ingest.fold("labels", records(first), NOW_MS)
    changes = [label(0, 20, True), label(1, 21, None, retracted=True)]
    ingest.fold("labels", records([*changes, label(99, 300)], 3), NOW_MS)
    ingest.fold("predictions", records([prediction(50, 300)], 3), NOW_MS)
    profile = labels_of(next(p for p in panes(ingest.outputs()) if p.kind == "labels" and not p.segment))
    assert profile.labels == 2
    assert profile.corrected == 2
    true_positives, false_positives, false_negatives, true_negatives = profile.confusion.tolist()
    assert true_positives + false_negatives == 1
    assert false_positives + true_negatives == 1


def test_a_label_without_a_prediction_is_counted_as_an_orphan_once_its_time_is_over():
    ingest = fold()
    ingest.fold("predictions", records([prediction(0, 1)]), NOW_MS)
    ingest.fold("labels", records([label(77, 10), label(0, 11)]), NOW_MS)
    ingest.fold("predictions", records([prediction(1, 400)], 1), NOW_MS)
    assert ingest.partition.labels.orphaned == 1
    assert ingest.partition.labels.matched == 1


def test_the_same_id_in_two_versions_gets_its_label_in_both():
    ingest = fold()
    both = [prediction(0, 1), prediction(0, 1, model_version="2")]
    ingest.fold("predictions", records(both[:1]), NOW_MS)
    ingest.fold("labels", records([label(0, 5)]), NOW_MS)
    ingest.fold("predictions", records(both[1:], 1), NOW_MS)
    assert ingest.partition.accounts["predictions"].duplicate == 0
    assert ingest.partition.labels.matched == 2


def test_feature_views_are_subjects_of_their_own():
    ingest = fold()
    rows = [{"feature_view": "weather", "event_time": at(i), "features": {"temp": i}} for i in (1, 2, 200)]
    ingest.fold("features", records([*rows, {**rows[0], "feature_view": "tides"}]), NOW_MS)
    messages = ingest.outputs()
    assert [(p.subject, p.kind, p.rows) for p in panes(messages)] == [("weather", "features", 2)]
    assert [r.reason for r in rejections(messages)] == ["unknown_feature_view"]


def test_a_million_categories_versions_and_segments_stay_bounded():
    ingest = fold()
    for chunk in range(20):
        events = [
            prediction(i, 1, model_version=f"v{i}", features={"country": f"c{i}"})
            for i in range(chunk * 500, chunk * 500 + 500)
        ]
        ingest.fold("predictions", records(events, chunk * 500), NOW_MS)
    assert len(ingest.partition.panes) <= 21 * 52
    assert ingest.partition.accounts["predictions"].accepted == 10_000


def test_an_idle_subject_is_reported_and_its_panes_close_by_the_clock():
    ingest = fold()
    ingest.tick(NOW_MS)
    ingest.fold("predictions", records([prediction(0, 1)]), NOW_MS)
    ingest.outputs()
    ingest.caught_up("predictions", NOW_MS + 1_000)
    assert panes(ingest.outputs()) == []
    ingest.caught_up("predictions", NOW_MS + 6_000)
    messages = ingest.outputs()
    assert [p.rows for p in panes(messages) if p.segment is None] == [1]
    marks = [msgspec.msgpack.decode(m.value, type=ToEvaluate) for m in messages if m.topic == "profiles"]
    assert any(isinstance(m, Watermark) and m.idle == {"predictions": ["risk"]} for m in marks)


def test_labels_that_were_read_to_their_end_wait_for_predictions_that_are_behind():
    ingest, now_ms = fold(), NOW_MS
    ingest.tick(now_ms)
    ingest.fold("labels", records([label(i, i + 10) for i in range(600)]), now_ms)
    for first in range(0, 600, 50):
        backlog = [prediction(i, i) for i in range(first, first + 50)]
        ingest.fold("predictions", records(backlog, first), now_ms)
        now_ms += 2_000
        ingest.caught_up("labels", now_ms)
    assert (ingest.partition.labels.matched, ingest.partition.labels.late) == (600, 0)
    assert not ingest.partition.clock("labels", "risk").idle
    for seconds in (0, 6, 7):
        ingest.caught_up("predictions", now_ms + 1_000 * seconds)
        ingest.caught_up("labels", now_ms + 1_000 * seconds)
    assert ingest.partition.clock("labels", "risk").idle


def _scene(seed: int) -> list[tuple[str, list[object]]]:
    """Two partitions' worth of life: predictions, labels, corrections, garbage, repeats and late rows."""
    source = random.Random(seed)  # noqa: S311
    predictions: list[object] = []
    labels: list[object] = []
    for i in range(120):
        seconds = 5 * i + source.uniform(-30, 0)
        predictions.append(prediction(i, seconds) if i % 17 else source.choice([b"{", None, {"model": "no"}]))
        if source.random() < 0.1:
            predictions.append(predictions[-1])
        if source.random() < 0.8:
            labels.append(label(i, seconds + source.uniform(10, 60), source.random() < 0.4))
        if source.random() < 0.1:
            labels.append(label(i, seconds + source.uniform(60, 90), source.random() < 0.4))
    return [("predictions", predictions), ("labels", labels)]


def _by_pane(messages: list[Message]) -> dict[tuple[object, ...], bytes]:
    closed = panes(messages)
    found = {(p.kind, p.subject, p.version, p.segment, p.start_ms): p.profile for p in closed}
    assert len(found) == len(closed), "a pane was sent twice"
    return found


def _live(seed: int, cuts: list[int], restart_at: set[int]) -> tuple[dict[tuple[object, ...], bytes], object]:
    ingest, outputs = fold(), []
    scene = {topic: records(events) for topic, events in _scene(seed)}
    done = {"predictions": 0, "labels": 0}
    for step, size in enumerate(cuts):
        for topic, all_records in scene.items():
            chunk = all_records[done[topic] : done[topic] + size]
            if chunk:
                ingest.fold(topic, chunk, NOW_MS)
                done[topic] += size
        outputs += ingest.outputs()
        if step in restart_at:
            state = ingest.snapshot()
            ingest = fold()
            ingest.restore(state)
            for topic, first in ingest.needs().items():
                ingest.remember(topic, scene[topic][first : done[topic]])
    return _by_pane(outputs), ingest.partition.accounts


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 5),
    cuts=st.lists(st.integers(1, 40), min_size=5, max_size=40),
    restart_at=st.sets(st.integers(0, 20), max_size=5),
)
def test_restarts_and_chunks_change_no_byte_of_what_is_counted(seed, cuts, restart_at):
    rest = [1000]
    assert _live(seed, [*cuts, *rest], restart_at) == _live(seed, [7] * 40, set())


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_refused_for_its_time_is_no_event_either_when_it_is_read_again(restarts):
    # Read again it would not be ahead of now any more, and all rows after it would be late.
    ahead = (datetime.fromtimestamp(NOW_MS / 1000, UTC) + timedelta(minutes=90)).isoformat()
    strange = [prediction(1, 1, event_time=ahead)]
    events = records([prediction(0, 0), *strange, *[prediction(i, i) for i in range(2, 9)]])
    ingest = fold()
    ingest.fold("predictions", events, NOW_MS)
    if restarts:
        state = ingest.snapshot()
        ingest = fold()
        ingest.restore(state)
        assert ingest.needs() == {"predictions": 0}
        ingest.remember("predictions", events)
    ingest.fold("labels", records([label(i, 30) for i in range(9)]), NOW_MS)
    assert ingest.partition.labels.matched == 8
    assert ingest.partition.accounts["predictions"].rejected == 1


def _again(ingest: IngestFold, topics: dict[str, list[Record]]) -> IngestFold:
    """Restore another from its snapshot, with the registry of now."""
    again = IngestFold(0, 2, ingest._subjects._registry, idle_ms=5_000)
    again.restore(ingest.snapshot())
    for topic, first in again.needs().items():
        again.remember(topic, [record for record in topics[topic] if record.offset >= first])
    return again


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_late_by_the_clock_waits_for_no_label_after_a_restart_either(restarts):
    first, late = records([prediction(0, 1), prediction(1, 50)]), records([prediction(2, 30)], first=2)
    ingest = fold()
    ingest.tick(NOW_MS)
    ingest.fold("predictions", first, NOW_MS)
    ingest.caught_up("predictions", NOW_MS + 6_000)  # no events for a while: the pane is closed
    ingest.fold("predictions", late, NOW_MS + 7_000)
    assert ingest.partition.accounts["predictions"].late == 1
    if restarts:
        ingest = _again(ingest, {"predictions": [*first, *late]})
    ingest.fold("labels", records([label(i, 70) for i in range(3)]), NOW_MS + 8_000)
    assert ingest.partition.labels.matched == 2


@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_refused_before_its_monitor_came_is_no_event_after_a_restart_either(restarts):
    other = Timeline(Watched(MONITOR.model_copy(update={"model": "other"}), {}))
    known = {"risk": REGISTRY.get("risk")}
    registry = Registry.fixed(known)
    topics = {
        "predictions": records(
            [
                prediction(0, 0),
                prediction(1, 1, model="other"),
                prediction(2, 2),
                prediction(3, 3, model="other"),
            ]
        ),
        "labels": records([label(0, 9), label(3, 9, model="other"), label(1, 9, model="other")]),
    }
    ingest = IngestFold(0, 2, registry, idle_ms=5_000)
    ingest.fold("labels", topics["labels"][:2], NOW_MS)
    ingest.fold("predictions", topics["predictions"][:2], NOW_MS)
    registry._watched, registry.generation = {**known, "other": other}, 2
    ingest.fold("predictions", topics["predictions"][2:], NOW_MS)
    if restarts:
        ingest = _again(ingest, {"predictions": topics["predictions"], "labels": topics["labels"][:2]})
    ingest.fold("labels", topics["labels"][2:], NOW_MS)
    assert ingest.partition.labels.matched == 1  # of "risk"; those of "other" lack their label or prediction
    assert ingest.partition.accounts["predictions"].rejected == 1


def test_a_checkpoint_without_the_offsets_of_admission_forgets_no_subject():
    events = {"predictions": records([prediction(i, i) for i in range(9)])}
    ingest = fold()
    ingest.fold("predictions", events["predictions"], NOW_MS)
    ingest.partition.since = {}
    again = _again(ingest, events)
    again.fold("labels", records([label(i, 30) for i in range(9)]), NOW_MS)
    assert again.partition.labels.matched == 9


def test_the_scene_has_panes_of_both_kinds_late_rows_duplicates_and_rejections():
    found, accounts = _live(1, [7] * 40, {3})
    assert {key[0] for key in found} == {"predictions", "labels"}
    account = accounts["predictions"]
    assert min(account.accepted, account.duplicate, account.rejected) > 0
