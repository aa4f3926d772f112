"""The same messages say the same, in whatever order sources are heard and wherever the stage stopped."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.evaluate.evaluating import (
    MINUTE,
    START,
    beat,
    by_series,
    evaluating,
    idle,
    labels_panes,
    reached,
    rows,
    rows_panes,
    watched,
)
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.fold.protocol import Record

MINUTES = 34
SPANS = {
    "tumbling": {},
    "rolling": {"every": "PT2M"},
    "counted": {"rows": 70},
}


def queues(of, falls_idle):
    """Give what each source sends, in its order: rows, labels, a fault, a new version, a pause."""
    rng = np.random.default_rng(11)
    sent = []
    for source in range(2):
        queue = []
        for minute in range(MINUTES):
            if minute in (8, 9):
                continue
            columns = rows(rng, 20, mean=50 if minute < 14 else 80, missing=0.6 if minute > 20 else 0.0)
            queue += rows_panes(of, columns, minute, "1" if minute < 17 else "2")
            if minute % 3 == source:
                queue.append(reached(source, minute + 1))
            if minute < 12:
                scores = rng.random(18)
                queue += labels_panes(of, scores, (rng.random(18) < scores).astype(float), minute)
            queue.append(reached(source, minute + 1, "labels"))
        last = [reached(source, MINUTES + 20), reached(source, MINUTES + 20, "labels")]
        if falls_idle:
            last = [idle(source, MINUTES), idle(source, MINUTES, "labels")]
        sent.append([msgspec.msgpack.encode(message) for message in queue + last])
    return sent


def outputs(of, messages, stops=frozenset()):
    return by_series(raw(of, messages, stops))


def raw(of, messages, stops=frozenset()):
    """Fold messages one by one; at the stops the stage is replaced by one restored from its snapshot."""
    folding, told = evaluating(of), []
    end = [msgspec.msgpack.encode(each) for each in beat(START + 100 * MINUTE)]
    for n, message in enumerate([*messages, *end]):
        folding.fold("profiles", [Record(n, 0, None, message)], 0)
        told += folding.outputs()
        if n in stops:
            restored = evaluating(of)
            restored.restore(folding.snapshot())
            folding = restored
    return told


def interleaved(sent, order):
    left = [list(queue) for queue in sent]
    messages = []
    while any(left):
        queue = left[order.integers(2)]
        # In runs, as fetches are, so that one source is far ahead of the other at times.
        messages += [queue.pop(0) for _ in range(min(len(queue), order.integers(1, 25)))]
    return messages


@pytest.fixture(
    scope="module",
    params=[(name, idle) for name in SPANS for idle in (False, True)],
    ids=lambda each: "-".join(map(str, each)),
)
def scene(request):
    name, falls_idle = request.param
    windows = {"pane": "PT1M", "size": "PT4M", "lateness": "PT0S"} | SPANS[name]
    of = watched(windows=windows)
    sent = queues(of, falls_idle)
    return of, sent, outputs(of, interleaved(sent, np.random.default_rng(0)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(1, 10**6), data=st.data())
def test_neither_the_order_of_sources_nor_a_restart_changes_what_is_said(scene, seed, data):
    of, sent, expected = scene
    messages = interleaved(sent, np.random.default_rng(seed))
    stops = data.draw(st.sets(st.integers(0, len(messages)), min_size=1, max_size=4))
    assert outputs(of, messages, stops) == expected


def test_what_is_said_of_labels_comes_in_order_and_after_the_predictions_until_then(scene):
    of, sent, _ = scene
    for seed in range(10):
        ends = {"predictions": [START], "labels": [START]}
        for message in raw(of, interleaved(sent, np.random.default_rng(seed))):
            if message.topic == "findings":
                told = msgspec.msgpack.decode(message.value, type=WindowFindings)
                ends[told.kind].append(told.window_end_ms)
                late = told.kind == "predictions" and told.window_end_ms <= ends["labels"][-1]
                assert not late or told.checked == ["silent"]
        assert ends["labels"] == sorted(ends["labels"])


def test_the_scene_has_all_that_could_differ(scene):
    _, _, expected = scene
    told = [
        msgspec.msgpack.decode(message.value, type=WindowFindings)
        for name, series in expected.items()
        if name[0] == "findings"
        for message in series
    ]
    assert len(told) > 12
    assert {window.version for window in told} >= {"1", "2"}
    found = {each.check for window in told for each in window.findings if each.state == "bad"}
    assert {"missing", "drift", "labels_late"} <= found
    numbers = [
        each
        for name, series in expected.items()
        if name[0] == "statistics"
        for message in series
        for each in msgspec.json.decode(message.value, type=WindowStatistics).statistics
    ]
    assert any(each.name == "detector_score" and each.value > 0 for each in numbers)
    assert any(each.name == "detector_alarm" and each.value > 0 for each in numbers)
