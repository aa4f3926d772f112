"""Accounts from ingest become findings: soon where there is traffic, else within a window."""

import msgspec

from tests.streams.evaluate.evaluating import SOURCES, START, monitor, registry, watched
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.profiles import KindAccount, SubjectAccount
from watchkeeper.streams.evaluate.accounts import EVENTS_ENOUGH, WAIT_MS
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Record

REGISTRY = registry(watched(windows={"pane": "PT1M", "size": "PT1H", "lateness": "PT0S"}))


def told(fold):
    return [
        msgspec.msgpack.decode(message.value, type=WindowFindings)
        for message in fold.outputs()
        if message.topic == "findings"
    ]


def send(fold, after_ms, source=0, subject="delay", **counts):
    message = SubjectAccount(
        SOURCES[source], START + after_ms, subject, {"predictions": KindAccount(**counts)}, ["one"]
    )
    fold.fold("profiles", [Record(0, 0, b"", msgspec.msgpack.encode(message))], START + after_ms)


def test_the_sum_of_all_partitions_is_judged_once_there_is_enough():
    fold = EvaluateFold(REGISTRY, SOURCES)
    send(fold, 0, 0, accepted=10, rejected=EVENTS_ENOUGH // 2 - 10)
    assert told(fold) == []
    send(fold, 900, 1, accepted=1, rejected=EVENTS_ENOUGH // 2 - 1)
    [window] = told(fold)
    assert [each.check for each in window.findings] == ["rejected"]
    assert window.findings[0].value == (EVENTS_ENOUGH - 11) / EVENTS_ENOUGH
    assert window.checked == ["rejected", "clock", "late"]
    assert (window.window_start_ms, window.window_end_ms) == (START, START + 900)


def test_few_events_are_judged_after_a_minute_and_very_few_after_a_window():
    fold = EvaluateFold(REGISTRY, SOURCES)
    send(fold, 0, rejected=10)
    send(fold, WAIT_MS, rejected=10)
    assert [each.check for window in told(fold) for each in window.findings] == ["rejected"]
    send(fold, WAIT_MS + 1, rejected=2)
    send(fold, 3 * WAIT_MS, rejected=2)
    assert told(fold) == []
    send(fold, 61 * WAIT_MS + 1, rejected=1)
    assert [each.value for window in told(fold) for each in window.findings] == [1.0]


def test_good_accounts_after_the_trouble_are_judged_too_so_that_its_alert_resolves():
    fold = EvaluateFold(REGISTRY, SOURCES)
    send(fold, 0, late=EVENTS_ENOUGH)
    send(fold, 1, accepted=EVENTS_ENOUGH)
    assert [[each.check for each in window.findings] for window in told(fold)] == [["late"], []]


def test_what_is_not_judged_yet_survives_a_restart():
    fold, again = EvaluateFold(REGISTRY, SOURCES), EvaluateFold(REGISTRY, SOURCES)
    send(fold, 0, late=EVENTS_ENOUGH - 1)
    again.restore(fold.snapshot())
    send(again, 1, late=1)
    assert [each.value for window in told(again) for each in window.findings] == [1.0]


def test_an_unwatched_subject_is_ignored_and_a_removed_one_forgotten():
    watching = registry(watched())
    fold = EvaluateFold(watching, SOURCES)
    send(fold, 0, subject="nobody", late=2 * EVENTS_ENOUGH)
    send(fold, 0, late=5)
    del watching["delay"]
    fold.tick(START)
    watching["delay"] = watched()
    send(fold, 1, late=EVENTS_ENOUGH - 5)
    assert told(fold) == []


def test_the_limit_is_that_of_the_monitor():
    tolerant = registry(watched(sensitivity={"missing_ratio": 0.9}))
    fold = EvaluateFold(tolerant, SOURCES)
    send(fold, 0, accepted=EVENTS_ENOUGH // 2, late=EVENTS_ENOUGH // 2)
    assert [window.findings for window in told(fold)] == [[]]
    assert monitor().sensitivity.missing_ratio == 0.05
