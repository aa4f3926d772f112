"""Which subjects are reported to evaluate, when, and that nothing is counted twice or lost."""

from itertools import pairwise

import msgspec

from watchkeeper.schemas.profiles import KindAccount, PublisherClock
from watchkeeper.streams.ingest.tally import REPORT_MS, WATCHED_WINDOWS, SubjectTally, Tallies

WINDOW_MS = 60_000


def reports(tallies, now_ms, window_ms=WINDOW_MS):
    return list(tallies.reports(now_ms, lambda _: window_ms))


def test_a_subject_without_trouble_is_never_reported_and_not_kept():
    tallies = Tallies("ingest/0")
    for now_ms in range(0, 10 * REPORT_MS, 1000):
        tallies.count("predictions", "risk", 10, 0, 5)
        assert reports(tallies, now_ms) == []
    assert tallies.saved() == {}


def test_the_first_trouble_is_reported_at_once_and_then_at_intervals_until_it_is_long_over():
    tallies, sent = Tallies("ingest/0"), []
    for now_ms in range(0, 10 * WINDOW_MS, 1000):
        bad = 20_000 <= now_ms < 40_000
        tallies.count("predictions", "risk", 10, 1 if bad else 0, 0)
        sent += [(now_ms, report) for report in reports(tallies, now_ms)]
    times = [now_ms for now_ms, _ in sent]
    assert times[0] == 20_000
    assert min(b - a for a, b in pairwise(times)) >= REPORT_MS
    assert (
        39_000 + WATCHED_WINDOWS * WINDOW_MS - REPORT_MS < times[-1] <= 45_000 + WATCHED_WINDOWS * WINDOW_MS
    )
    assert sum(report.kinds["predictions"].late for _, report in sent) == 20


def test_counts_survive_a_restart_and_each_is_sent_once():
    tallies = Tallies("ingest/0")
    tallies.reject("labels", "risk", "invalid_event", "labels/0/1: no label")
    first = reports(tallies, 1000)
    tallies.reject("labels", "risk", "empty", "labels/0/2: empty")
    saved = msgspec.msgpack.decode(msgspec.msgpack.encode(tallies.saved()), type=dict[str, SubjectTally])
    again = reports(Tallies("ingest/0", saved), 1000 + REPORT_MS)
    assert [each.kinds["labels"].reasons for each in first + again] == [{"invalid_event": 1}, {"empty": 1}]
    assert again[0].samples == ["labels/0/2: empty"]


def test_clocks_are_reported_with_the_trouble():
    tallies = Tallies("ingest/0")
    tallies.measure("predictions", "risk", "gate-a", PublisherClock(1, 1, 0, -9, -9))
    tallies.count("predictions", "risk", 0, 1, 0)
    assert reports(tallies, 1)[0].kinds == {
        "predictions": KindAccount(late=1, clocks={"gate-a": PublisherClock(1, 1, 0, -9, -9)})
    }


def test_a_subject_that_is_not_watched_any_more_is_forgotten():
    tallies = Tallies("ingest/0")
    tallies.count("predictions", "risk", 0, 1, 0)
    assert reports(tallies, 1, None) == []
    assert tallies.saved() == {}


def test_a_pause_after_the_trouble_does_not_end_the_reports():
    tallies, sent = Tallies("ingest/0"), []
    tallies.count("predictions", "risk", 0, 100, 0)
    sent += reports(tallies, 1)
    for day in range(1, 6):  # a batch each day; between them nothing
        for now_ms in range(day * 1000 * WINDOW_MS, day * 1000 * WINDOW_MS + 10 * WINDOW_MS, REPORT_MS):
            if now_ms == day * 1000 * WINDOW_MS:
                tallies.count("predictions", "risk", 100, 0, 0)
            sent += reports(tallies, now_ms)
    assert [each.kinds["predictions"].late for each in sent] == [100, *[0] * WATCHED_WINDOWS]
