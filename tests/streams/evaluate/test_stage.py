"""The second stage through its bytes: panes and watermarks in, statistics and findings out."""

from dataclasses import replace
from itertools import groupby, pairwise

import msgspec
import numpy as np
import pytest

from tests.streams.evaluate.evaluating import (
    MINUTE,
    SOURCES,
    START,
    Registry,
    beat,
    evaluating,
    findings,
    fold,
    idle,
    labels_panes,
    minutes,
    monitor,
    reached,
    registry,
    rows,
    rows_panes,
    statistics,
    value,
    watched,
)
from watchkeeper.detectors.checks.budget import engine_budget_ms
from watchkeeper.detectors.online.registry import OF_PANES
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.evaluate import all_windows, judgement, subject_windows
from watchkeeper.streams.evaluate import stage as evaluate
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Record


@pytest.fixture(scope="module")
def of():
    return watched()


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def both(at_min, kind="predictions", **more):
    return [reached(0, at_min, kind, **more), reached(1, at_min, kind, **more)]


def live(folding, of, rng, first, last, n=100, **changes):
    """Let both sources send a pane for each minute, and say so."""
    told = []
    for minute in range(first, last):
        panes = [pane for _ in SOURCES for pane in rows_panes(of, rows(rng, n, **changes), minute)]
        told += fold(folding, *panes, *both(minute + 1))
    return told


def restarted(folding, of):
    restored = evaluating(of)
    restored.restore(folding.snapshot())
    return restored


def checks(told, check):
    """Return what was found by one check: (the window's end in minutes, state, feature, segment)."""
    return [
        (minutes(window)[1], each.state, each.feature, each.segment)
        for window in findings(told)
        for each in window.findings
        if each.check == check
    ]


def test_a_window_closes_when_the_slowest_source_has_passed_its_end(of, rng):
    folding = evaluating(of)
    panes = [*rows_panes(of, rows(rng, 40), 0), *rows_panes(of, rows(rng, 60), 4)]
    assert fold(folding, *panes, reached(0, 6), reached(1, 4)) == []
    told = fold(folding, reached(1, 5))
    assert [(each.segment, minutes(each), each.rows) for each in statistics(told)] == [(None, (0, 5), 100)]
    assert [minutes(each) for each in findings(told)] == [(0, 5)]
    assert fold(folding, *both(10)) == []


def test_the_profiles_of_all_partitions_are_one(of, rng):
    columns = rows(rng, 100)
    parts = [columns.take(np.arange(start, 100, 2)) for start in (0, 1)]
    panes = [pane for part in parts for pane in rows_panes(of, part, 2, segments=False)]
    ((apart, *_), (whole, *_)) = (
        statistics(fold(evaluating(of), *these, *both(5)))
        for these in (panes, rows_panes(of, columns, 2, segments=False))
    )
    assert apart == whole
    assert value(apart, "mean", "temp") == pytest.approx(np.nanmean(columns.numbers[0]), abs=1e-3)


def test_segments_have_statistics_of_their_own_and_their_findings_come_with_the_window(of, rng):
    told = fold(evaluating(of), *rows_panes(of, rows(rng, 101), 0), *both(5))
    assert {(each.segment, each.rows) for each in told[:-1]} == {
        (None, 101),
        ("origin=EWR", 51),
        ("origin=JFK", 50),
    }
    assert isinstance(told[-1], WindowFindings)
    assert told[-1].rows == 101
    assert {"missing", "drift", "category_renamed"} <= set(told[-1].checked)


def test_messages_go_to_the_partition_of_their_subject(of, rng):
    folding = evaluating(of)
    pane = rows_panes(of, rows(rng, 9), 0, segments=False)
    fold(folding, *pane)
    folding.fold(
        "profiles", [Record(0, 0, None, evaluate.msgspec.msgpack.encode(each)) for each in both(5)], 0
    )
    messages = {message.topic: message for message in folding.outputs()}
    assert messages["statistics"].partition is None
    assert messages["findings"].partition in (0, 1)
    assert folding.outputs() == []


def test_versions_are_judged_apart(of, rng):
    panes = [pane for version in "12" for pane in rows_panes(of, rows(rng, 30), 0, version, segments=False)]
    told = fold(evaluating(of), *panes, *both(5))
    assert [(each.version, each.rows) for each in findings(told)] == [("1", 30), ("2", 30)]


def test_a_healthy_stream_gives_no_findings(of, rng):
    told = live(evaluating(of), of, rng, 0, 40, n=150)
    assert len(findings(told)) == 8
    assert [each for window in findings(told) for each in window.findings if each.state == "bad"] == []


def test_an_abrupt_change_is_told_from_the_recent_windows(rng):
    of = watched(reference=None)
    of = Watched(of.monitor, {})
    folding = evaluating(of)
    live(folding, of, rng, 0, 20)
    told = live(folding, of, rng, 20, 25, missing=0.5)
    assert checks(told, "missing") == [
        (25, "bad", "temp", None), (25, "bad", "temp", "origin=EWR"), (25, "bad", "temp", "origin=JFK"),
    ]  # fmt: skip


def test_few_rows_confirm_a_drift_that_the_engine_is_sure_of_and_do_not_make_one(of, rng):
    folding = evaluating(of)
    healthy = live(folding, of, rng, 0, 400, n=3)
    assert [each for each in checks(healthy, "drift") if each[1] == "bad"] == []
    told = live(folding, of, rng, 400, 500, n=3, mean=58)
    drifting = [
        end for end, state, feature, _ in checks(told, "drift") if (state, feature) == ("bad", "temp")
    ]
    assert len(drifting) > 10
    assert any(later - sooner == 5 for sooner, later in pairwise(drifting))  # so that it is told


def test_the_engine_spends_of_its_budget_the_time_that_has_passed(of, rng):
    first = statistics(live(evaluating(of), of, rng, 0, 5, n=1))[0]
    evidence = sum(each.value for each in first.statistics if each.name == "engine_evidence")
    assert evidence == pytest.approx(
        5 * MINUTE / engine_budget_ms(of.monitor, 0.5), rel=0.3
    )  # rows say little


def test_windows_with_a_fault_do_not_become_the_recent_past(rng):
    of = Watched(monitor(), {})
    folding = evaluating(of)
    live(folding, of, rng, 0, 20)
    told = live(folding, of, rng, 20, 120, missing=0.5)
    assert {end for end, _, _, segment in checks(told, "missing") if segment is None} == set(
        range(25, 121, 5)
    )


def test_a_share_about_the_limit_does_not_become_usual_by_being_below_it_at_times(of, rng):
    folding = evaluating(of)
    live(folding, of, rng, 0, 30, n=6)
    told = live(folding, of, rng, 30, 150, n=6, missing=0.12)  # of 60 rows; told from 5 % on, beyond chance
    found = [end for end, state, _, segment in checks(told, "missing") if (state, segment) == ("bad", None)]
    assert len(found) >= 18
    assert len([end for end in found if end > 110]) >= 6


def test_without_a_reference_a_share_that_rises_below_the_limit_is_not_usual_before_eight_windows(rng):
    of = Watched(monitor(sensitivity={"missing_ratio": 0.1}), {})
    folding = evaluating(of)
    live(folding, of, rng, 0, 40)
    live(folding, of, rng, 40, 60, missing=0.07)  # of 1,000 rows
    told = live(folding, of, rng, 60, 65, missing=0.13)
    assert "bad" in {state for _, state, _, segment in checks(told, "missing") if segment is None}
    live(folding, of, rng, 65, 105, missing=0.07)
    told = live(folding, of, rng, 105, 125, missing=0.07)
    told += live(folding, of, rng, 125, 130, missing=0.13)
    assert checks(told, "missing") == []


@pytest.mark.parametrize(("begins", "first"), [(41, 45), (42, 45), (43, 50)])
def test_a_fault_that_begins_within_a_window_is_told_from_the_windows_before_it(begins, first):
    rng, of = np.random.default_rng(3), watched(rows_per_min=20)
    folding = evaluating(of)
    live(folding, of, rng, 0, begins, n=10)
    told = []
    for minute in range(begins, 80):
        panes = []
        for _ in SOURCES:
            celsius = rows(rng, 10)
            celsius.numbers[:] = (celsius.numbers - 32) / 1.8
            panes += rows_panes(of, celsius, minute)
        told += fold(folding, *panes, *both(minute + 1))
    told += live(folding, of, rng, 80, 140, n=10)
    found = checks(told, "unit_change")
    assert [end for end, _, _, segment in found if segment is None] == list(range(first, 81, 5))


def test_rolling_windows_end_every_so_often_and_their_past_does_not_overlap_them(rng):
    of = Watched(monitor(windows={"pane": "PT1M", "size": "PT5M", "every": "PT1M", "lateness": "PT0S"}), {})
    folding = evaluating(of)
    told = live(folding, of, rng, 0, 30)
    assert [minutes(each) for each in findings(told)] == [(end - 5, end) for end in range(1, 31)]
    past = next(iter(folding._windows))._recent.profile("", of.layout("1"))
    assert past.spans.count == past.rows / 200
    assert past.last_ms < START + 26 * MINUTE
    told = live(folding, of, rng, 30, 31, missing=1.0)
    assert checks(told, "missing")[0][:2] == (31, "bad")


def test_a_window_closes_early_at_the_pane_that_fills_it(rng):
    of = watched(windows={"pane": "PT1M", "size": "PT1H", "lateness": "PT0S", "rows": 500})
    told = live(evaluating(of), of, rng, 0, 7, n=100)
    assert [(*minutes(each), each.rows) for each in findings(told)] == [(0, 3, 600), (3, 6, 600)]


def test_a_source_that_was_never_heard_of_holds_windows_open(of, rng):
    folding = evaluating(of)
    assert fold(folding, *rows_panes(of, rows(rng, 10), 0), reached(0, 500)) == []
    assert findings(fold(folding, idle(1))) == []  # idle before the other came as far, or after?
    assert findings(fold(folding, *beat(1_000)))


def test_idle_everywhere_means_that_windows_close_by_the_clocks_of_the_sources(of, rng):
    folding = evaluating(of)
    end_ms = START + 5 * MINUTE
    fold(folding, *rows_panes(of, rows(rng, 10), 0), idle(0, 1), idle(1), *beat(end_ms - 1))
    assert findings(fold(folding, beat(end_ms + 5000)[0])) == []
    assert [minutes(each) for each in findings(fold(folding, *beat(end_ms + 5000)))] == [(0, 5)]


def test_lateness_is_waited_for_on_the_clocks(rng):
    of = watched(windows={"pane": "PT1M", "size": "PT5M", "lateness": "PT2M"})
    folding, end_ms = evaluating(of), START + 5 * MINUTE
    fold(folding, *rows_panes(of, rows(rng, 10), 0), idle(0, 1), idle(1))
    assert fold(folding, *beat(end_ms + 2 * MINUTE - 1)) == []
    assert findings(fold(folding, *beat(end_ms + 2 * MINUTE + 1000)))


def test_rows_that_come_after_their_window_has_closed_by_the_clock_are_counted_in_the_next(of, rng):
    folding, later = evaluating(of), START + 1000 * MINUTE
    told = fold(folding, *rows_panes(of, rows(rng, 10), 0), idle(0, 1), idle(1), *beat(later))
    told += fold(folding, reached(0, 1), *rows_panes(of, rows(rng, 7), 2), *rows_panes(of, rows(rng, 8), 6))
    told += fold(folding, reached(0, 10), reached(1, 10), *beat(later + 2000))
    windows = [(minutes(each), each.rows, value(each, "late_rows")) for each in statistics(told)]
    assert windows == [((0, 5), 10, 0), ((5, 10), 8, 7)]


def test_no_window_is_told_twice_however_often_a_stream_pauses(of, rng):
    folding, told = evaluating(of), []
    for pause, minute in enumerate((0, 2, 6, 3, 7, 11, 12)):
        later = START + (1000 + pause) * MINUTE
        told += fold(folding, reached(0, 0), *rows_panes(of, rows(rng, 10), minute))
        told += fold(folding, idle(0, 0, now_ms=later), idle(1, 0, now_ms=later), *beat(later + 5000))
    windows = [(*minutes(each), each.rows) for each in statistics(told)]
    assert len({window[:2] for window in windows}) == len(windows)
    assert (
        sum(
            window[2] + value(each, "late_rows")
            for window, each in zip(windows, statistics(told), strict=True)
        )
        == 70
    )


def test_labels_that_pause_wait_for_the_predictions_of_a_replayed_year(of, rng):
    folding, today = evaluating(of), START + 10**10
    scores = rng.random(30)
    fold(folding, *labels_panes(of, scores, (scores > 0.5).astype(float), 3), *both(4))
    assert fold(folding, idle(0, 4, "labels"), idle(1, 4, "labels"), *beat(today)) == []
    told = fold(folding, *both(5), *beat(today + 2000))
    assert [(each.kind, *minutes(each)) for each in findings(told)] == [("labels", 0, 5)]


def test_labels_wait_for_predictions_of_another_partition(of, rng):
    folding, scores = evaluating(of), rng.random(30)
    for minute in (3, 8):
        fold(folding, *labels_panes(of, scores, (scores > 0.5).astype(float), minute))
    fold(folding, idle(0, 0, "labels"), reached(0, 5), idle(1, 0), reached(1, 10, "labels"))
    assert [minutes(each) for each in findings(fold(folding, *beat(2000)))] == [(0, 5)]
    assert [minutes(each) for each in findings(fold(folding, reached(0, 10), *beat(4000)))] == [(5, 10)]


def test_rows_for_a_closed_window_are_counted_in_the_next(of, rng):
    folding = evaluating(of)
    live(folding, of, rng, 0, 6)
    assert fold(folding, *rows_panes(of, rows(rng, 17), 3)) == []
    told = live(folding, of, rng, 6, 10)
    assert [value(each, "late_rows") for each in statistics(told)] == [17]
    assert [value(each, "late_rows") for each in statistics(live(folding, of, rng, 10, 15))] == [0]


def test_rows_for_a_closed_window_are_told_even_if_no_other_window_closes(of, rng):
    folding = evaluating(of)
    live(folding, of, rng, 0, 5)
    told = fold(folding, *rows_panes(of, rows(rng, 17), 3), *both(9))
    assert told == []
    (told,) = fold(folding, *both(10))
    assert (minutes(told), told.rows, value(told, "late_rows")) == ((5, 10), 0, 17)
    assert fold(folding, *both(50)) == []


def test_rows_that_ingest_found_late_are_told_too(of, rng):
    panes = rows_panes(of, rows(rng, 10), 0, late=4)
    assert value(statistics(fold(evaluating(of), *panes, *both(5)))[0], "late_rows") == 4


def test_two_layouts_are_never_mixed(rng):
    old = Watched(monitor(), {})
    new = watched()
    folding = evaluating(new)
    panes = [*rows_panes(old, rows(rng, 40), 0), *rows_panes(new, rows(rng, 60), 1)]
    told = fold(folding, *panes, *both(5))
    assert sorted(each.rows for each in findings(told)) == [40, 60]
    assert "drift" in next(each for each in findings(told) if each.rows == 60).checked


NUMBER, CATEGORY = {"type": "number"}, {"type": "category"}


@pytest.mark.parametrize(
    "features",
    [
        {"sky": CATEGORY},
        {"temp": NUMBER},
        {"temp": CATEGORY, "sky": CATEGORY},
        {"temp": NUMBER, "sky": NUMBER},
    ],
)
def test_a_monitor_may_declare_less_than_its_reference_has_or_of_another_type(rng, features):
    changed = Watched(monitor(features=features), watched().references)
    layout, folding = changed.layout("1"), evaluating(changed)
    told = []
    for minute in range(6):
        columns = replace(
            rows(rng, 50),
            numbers=np.ones((len(layout.numeric), 50)),
            categories=[["clear"] * 50 for _ in layout.categorical],
        )
        told += fold(folding, *rows_panes(changed, columns, minute), *both(minute + 1))
    assert statistics(told)[0].rows == 250
    evidence = {each.feature for each in statistics(told)[0].statistics if each.name == "engine_evidence"}
    assert evidence - {None} == set(features)


def test_a_layout_that_nothing_in_force_has_is_counted(rng):
    forgotten = watched(seed=99)
    folding = evaluating(watched())
    told = fold(
        folding, *rows_panes(forgotten, rows(rng, 40), 0), *rows_panes(forgotten, rows(rng, 5), 1), *both(5)
    )
    (told,) = told
    assert (minutes(told), told.rows, value(told, "unreadable_panes")) == ((0, 5), 45, 2)


def test_a_subject_without_a_monitor_is_counted_and_takes_no_memory(of, rng):
    folding = EvaluateFold(Registry(), SOURCES)
    assert fold(folding, *rows_panes(of, rows(rng, 10), 0, segments=False), *both(5)) == []
    assert folding.lost.unwatched_panes == 1
    assert len(folding.snapshot()) < 300


def test_a_removed_monitor_is_forgotten_with_all_that_is_open(of, rng):
    monitors = registry(of)
    folding = EvaluateFold(monitors, SOURCES)
    live(folding, of, rng, 0, 7)
    assert len(folding.snapshot()) > 1000
    monitors.clear()
    assert fold(folding, *both(10)) == []
    folding.tick(0)
    assert len(folding.snapshot()) < 500


@pytest.mark.parametrize("garbage", [None, b"", b"\xff", b"{}", b"\x81\xa4type\xa4pane"])
def test_records_that_are_neither_are_counted_and_go_to_rejected(of, garbage):
    folding = EvaluateFold(registry(of), SOURCES, 3)
    folding.fold("profiles", [Record(0, 0, None, garbage)], 0)
    assert folding.lost.unreadable == 1
    (message,) = folding.outputs()
    rejected = msgspec.msgpack.decode(message.value, type=Rejection)
    assert (message.topic, rejected.name, rejected.reason) == ("rejected", "profiles/3/0", "unreadable")
    assert rejected.value == (garbage or b"")


def test_detectors_are_fed_the_panes_of_all_rows_and_join_the_evidence(of, rng):
    folding = evaluating(of)
    told = live(folding, of, rng, 0, 40)
    assert {value(each, "detector_alarm", "temp") for each in statistics(told)} == {0}
    assert value(statistics(told)[-1], "detector_score", "temp") > 0
    assert {value(each, "detector_score", "temp") for each in statistics(told, "origin=EWR")} == {None}
    told = live(folding, of, rng, 40, 90, mean=58.0)
    assert max(value(each, "detector_alarm", "temp") for each in statistics(told)) >= 1
    alarms = [
        each.evidence["detector_alarms_ms"]
        for window in findings(told)
        for each in window.findings
        if each.check == "drift" and each.segment is None and "detector_alarms_ms" in each.evidence
    ]
    assert {name for alarm in alarms for name in alarm} == {*OF_PANES, "engine"}
    assert all(START + 40 * MINUTE < at <= START + 90 * MINUTE for alarm in alarms for at in alarm.values())


def test_detectors_watch_the_error_rate_of_labels(of, rng):
    folding, told = evaluating(of), []
    for minute in range(60):
        scores = rng.random(200)
        truth = (rng.random(200) < scores) if minute < 30 else rng.random(200) < 0.5
        told += fold(
            folding, *labels_panes(of, scores, truth.astype(float), minute), *both(minute + 1, "labels")
        )
    alarms = [value(each, "detector_alarm") for each in statistics(told)]
    assert alarms[:6] == [0] * 6
    assert max(alarms[6:]) >= 1
    bad = [each for window in findings(told) for each in window.findings if each.check == "performance"]
    assert any("e_sr" in each.evidence.get("detector_alarms_ms", {}) for each in bad)


def test_a_silent_subject_is_found_at_each_window_end_until_it_speaks(of, rng):
    folding = evaluating(of)
    now = START + 9 * 10**9  # a past that is replayed
    fold(folding, *rows_panes(of, rows(rng, 10), 0), *both(1, now_ms=now))
    told = fold(folding, idle(0, 5, now_ms=now), idle(1, 5, now_ms=now))
    for minute in range(1, 31):
        told += fold(folding, *beat(now + minute * MINUTE))
    silent = [each for each in findings(told) if each.checked == ["silent"]]
    assert [minutes(each) for each in silent] == [(end - 5, end) for end in (20, 25, 30, 35)]
    assert all(each.version == "" and each.findings for each in silent)
    told = live(folding, of, rng, 40, 60)
    assert [each.findings for each in findings(told) if each.checked == ["silent"]] == [[], []]


def test_a_subject_is_not_called_silent_while_a_source_is_dead(of, rng):
    folding = evaluating(of)
    fold(folding, *rows_panes(of, rows(rng, 10), 0), *both(1), idle(0, 5), idle(1, 5))
    assert [each for n in range(60) for each in fold(folding, beat(n * MINUTE)[0])] == []


def test_labels_that_do_not_come_are_found(of, rng):
    folding, told = evaluating(of), []
    for minute in range(60):
        told += fold(folding, *rows_panes(of, rows(rng, 50), minute, segments=False))
        scores = rng.random(45)
        if minute < 30:
            told += fold(folding, *labels_panes(of, scores, np.zeros(45), minute))
        told += fold(folding, *both(minute + 1), *both(minute + 1, "labels"))
    late = [each for each in findings(told) if each.checked == ["labels_late"]]
    assert [minutes(each)[1] for each in late] == list(range(15, 61, 5))
    assert [minutes(each)[1] for each in late if each.findings] == [45, 50, 55, 60]
    assert {each.kind for each in late} == {"labels"}


@pytest.mark.parametrize("labelled", [False, True])
def test_labels_published_after_their_predictions_in_a_replay_are_told_as_late_only_if_none_come(
    of, rng, labelled
):
    folding = evaluating(of)
    now = START + 9 * 10**9  # a past that is replayed
    for minute in range(60):
        fold(folding, *rows_panes(of, rows(rng, 50), minute, segments=False))
    waiting = (idle(source, None, "labels", now) for source in (0, 1))
    told = fold(folding, *both(60, now_ms=now), *waiting, *beat(now + 2 * MINUTE))
    assert [each for each in findings(told) if each.checked == ["labels_late"]] == []
    if labelled:
        for minute in range(60):
            fold(folding, *labels_panes(of, rng.random(45), np.zeros(45), minute))
        told += fold(folding, *both(60, "labels", now_ms=now + 3 * MINUTE))
    told += fold(folding, *beat(now + 30 * MINUTE))
    late = [each for each in findings(told) if each.checked == ["labels_late"]]
    assert late
    assert {bool(each.findings) for each in late} == {not labelled}


def test_small_segments_beyond_the_limit_are_counted(monkeypatch, of, rng):
    monkeypatch.setattr(judgement, "SEGMENTS_MAX", 1)
    told = fold(evaluating(of), *rows_panes(of, rows(rng, 101), 0), *both(5))
    assert [each.rows for each in statistics(told, "origin=EWR")] == [51]
    assert statistics(told, "origin=JFK") == []
    assert value(statistics(told)[0], "ignored_segments") == 1


def test_state_beyond_the_limit_is_dropped_and_counted(monkeypatch, of, rng):
    folding = evaluating(of)
    fold(folding, *rows_panes(of, rows(rng, 100), 0))
    monkeypatch.setattr(all_windows, "STATE_BYTES_MAX", 1)
    fold(folding, *rows_panes(of, rows(rng, 33), 1))
    told = fold(folding, *both(5))
    assert (statistics(told)[0].rows, value(statistics(told)[0], "dropped_rows")) == (100, 33)


def test_segments_beyond_the_limit_of_a_lane_are_dropped_but_all_rows_go_on(monkeypatch, of, rng):
    monkeypatch.setattr(subject_windows, "PARTS_MAX", 2)
    told = fold(evaluating(of), *rows_panes(of, rows(rng, 100), 0), *both(5))
    assert statistics(told)[0].rows == 100
    assert statistics(told, "origin=JFK") == []
    assert value(statistics(told)[0], "dropped_rows") is None


def test_versions_beyond_the_limit_make_room_for_none_that_has_rows(monkeypatch, of, rng):
    monkeypatch.setattr(all_windows, "SUBJECT_WINDOWS_MAX", 2)
    folding = evaluating(of)
    for version in "123":
        fold(folding, *rows_panes(of, rows(rng, 10), 0, version, segments=False))
    assert folding.lost.crowded_out_panes == 1
    assert [each.version for each in findings(fold(folding, *both(5)))] == ["1", "2"]
    told = fold(folding, *rows_panes(of, rows(rng, 10), 6, "4", segments=False), *both(10))
    assert [each.version for each in findings(told)] == ["4"]


def test_what_is_over_for_a_hundred_windows_is_forgotten(of, rng):
    folding = evaluating(of)
    live(folding, of, rng, 0, 20)
    assert len(folding._windows) == 1
    fold(folding, *both(20 + 501))
    assert len(folding._windows) == 0


def test_nothing_from_before_a_long_pause_is_used_after_it(rng):
    of = Watched(monitor(), {})
    folding = evaluating(of)
    live(folding, of, rng, 0, 40)
    # This pane comes early, so its subject is not forgotten as one that is over.
    fold(folding, *rows_panes(of, rows(rng, 5), 700), *both(690))
    told = fold(folding, *both(705))
    assert len(findings(told)) == 1
    assert checks(told, "volume") == []


def test_a_restored_stage_looks_at_idle_subjects_when_the_other_would_have(of, rng):
    folding, end_ms = evaluating(of), START + 5 * MINUTE
    fold(folding, *rows_panes(of, rows(rng, 10), 0), idle(0, 1), idle(1), *beat(end_ms - 1))
    ahead, behind = beat(end_ms + 998)
    fold(folding, ahead)
    folding = restarted(folding, of)
    assert fold(folding, behind) == []
    assert fold(folding, *beat(end_ms + 999))


def test_the_snapshot_says_its_size(of, rng):
    folding = evaluating(of)
    live(folding, of, rng, 0, 7)
    assert folding.size_bytes == 0
    assert folding.size_bytes == 0 < len(folding.snapshot()) == folding.size_bytes


def test_a_feature_view_is_judged_without_a_model(rng):
    of = Watched(
        Monitor.model_validate(
            {
                "feature_view": "weather", "owner": {"team": "t"},
                "features": {"temp": {"type": "number"}, "sky": {"type": "category"}},
                "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT0S"},
            }
        ),
        {},
    )  # fmt: skip
    panes = rows_panes(of, rows(rng, 40), 0, segments=False)
    told = fold(evaluating(of), *panes, *both(5, "features", subject="weather"))
    assert [(each.kind, each.rows) for each in findings(told)] == [("features", 40)]


def test_profiles_that_come_in_many_parts_are_kept_as_few(of, rng):
    folding = evaluating(of)
    whole = RowsProfile.empty(of.layout("1"))
    for _ in range(100):
        columns = rows(rng, 5)
        whole.add(columns)
        fold(folding, *rows_panes(of, columns, 0, segments=False))
    (only,) = folding._windows
    assert len(only.windows.grains[START].parts[""].profiles) < 20
    told = fold(folding, *both(5))
    assert statistics(told)[0].rows == 500
    assert value(statistics(told)[0], "mean", "temp") == whole.number("temp").mean


def test_windows_of_one_subject_come_in_order_of_time_whatever_the_step(of, rng):
    panes = [
        pane
        for minute in (1, 7, 12)
        for version in "12"
        for pane in rows_panes(of, rows(rng, 10), minute, version, segments=False)
    ]
    told = findings(fold(evaluating(of), *panes, *both(60)))
    by_end = groupby(told, lambda window: minutes(window)[1])
    assert [(end, [each.version for each in windows]) for end, windows in by_end] == [
        (5, ["1", "2"]), (10, ["1", "2"]), (15, ["1", "2"]),
    ]  # fmt: skip
