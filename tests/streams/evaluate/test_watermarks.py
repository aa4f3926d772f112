import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.schemas.profiles import Watermark
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.evaluate.watermarks import SURE_MS, Watermarks

SOURCES = ["ingest/0", "ingest/1"]
LATER_MS = 1_000_000


def active(source, time_ms, now_ms=0, subject="m"):
    return Watermark(f"ingest/{source}", now_ms, {"predictions": {subject: time_ms}}, {})


def idle(source, time_ms=BEGINNING_MS, now_ms=0, subject="m"):
    return Watermark(
        f"ingest/{source}", now_ms, {"predictions": {subject: time_ms}}, {"predictions": [subject]}
    )


def heard(*messages, confirmed=True):
    marks = Watermarks()
    for message in messages:
        marks.note(message, SOURCES)
        marks.settle()
    for source in SOURCES if confirmed else ():
        marks.note(Watermark(source, LATER_MS, {}, {}), SOURCES)
        marks.settle()
    return marks.of("predictions", "m")


def test_the_slowest_source_decides():
    assert heard(active(0, 100), active(1, 70)).reached_ms == 70


def test_a_source_never_heard_of_holds_back():
    progress = heard(active(0, 100))
    assert progress.reached_ms == BEGINNING_MS
    assert not progress.idle
    assert heard(idle(0, 100)).idle is False


def test_an_idle_source_is_left_out():
    assert heard(active(0, 100), idle(1, 70)).reached_ms == 100
    assert heard(active(0, 100), idle(1)).reached_ms == 100


def test_idle_is_true_of_the_time_at_which_it_was_said():
    before = idle(1, 70, now_ms=1_000), active(0, 100, now_ms=5_000)
    assert heard(*before, confirmed=False).reached_ms == BEGINNING_MS
    assert heard(*before, Watermark("ingest/1", 5_100, {}, {}), confirmed=False).reached_ms == BEGINNING_MS
    assert heard(*before, Watermark("ingest/1", 5_200, {}, {}), confirmed=False).reached_ms == 100
    assert heard(*before, active(1, 80, now_ms=5_100), confirmed=False).reached_ms == 80


def test_an_idle_source_delays_but_does_not_stop_a_busy_one():
    messages = [idle(1, now_ms=0)]
    for second in range(100):
        messages.append(active(0, second, now_ms=1_000 * second))
        if second % 5 == 0:
            messages.append(Watermark("ingest/1", 1_000 * second + 900, {}, {}))
    assert heard(*messages, confirmed=False).reached_ms >= 85


def test_time_never_goes_back_when_an_idle_source_returns():
    still_idle = Watermark("ingest/1", 500, {}, {})
    assert heard(active(0, 100), idle(1, 70), still_idle, active(1, 80)).reached_ms == 100


def test_all_idle_is_idle_until_one_returns():
    assert heard(active(0, 100), idle(0, 100), idle(1)).idle
    assert not heard(idle(0, 100), idle(1), active(1, 50)).idle


def test_which_source_fell_idle_first_does_not_matter():
    one = heard(active(0, 100), active(1, 50), idle(0, 100), idle(1, 50))
    other = heard(active(0, 100), active(1, 50), idle(1, 50), idle(0, 100))
    assert one.reached_ms == other.reached_ms == 100


def test_subjects_have_their_own_time():
    marks = Watermarks()
    for source in (0, 1):
        marks.note(active(source, 10, subject="slow"), SOURCES)
        marks.note(active(source, 99, subject="fast"), SOURCES)
    assert marks.settle() == {"slow", "fast"}
    assert marks.of("predictions", "slow").reached_ms == 10
    assert marks.of("predictions", "fast").reached_ms == 99
    assert marks.of("labels", "fast").reached_ms == BEGINNING_MS


def test_the_clock_is_the_slowest_source_and_unknown_while_one_is():
    marks = Watermarks()
    marks.note(Watermark("ingest/0", 500, {}, {}), SOURCES)
    assert marks.clock_ms(SOURCES) == BEGINNING_MS
    marks.note(Watermark("ingest/1", 300, {}, {}), SOURCES)
    marks.note(Watermark("ingest/1", 200, {}, {}), SOURCES)
    assert marks.clock_ms(SOURCES) == 300


def test_news_says_who_is_alive():
    marks = Watermarks()
    said = [
        marks.note(message, SOURCES)[0].alive
        for message in (idle(0), active(0, 10), idle(0, 20), idle(0, 30), active(0, 40))
    ]
    assert said == [False, True, True, False, True]


def test_subjects_that_nobody_watches_take_no_memory():
    marks = Watermarks()
    assert marks.note(active(0, 1, subject="hostile"), SOURCES, lambda subject: subject == "m") == []
    marks.note(active(0, 1), SOURCES)
    assert set(marks.progress["predictions"]) == {"m"}
    marks.forget(lambda _: False)
    assert marks.progress == {"predictions": {}}


times = st.lists(st.integers(0, 100), min_size=2, max_size=10)


@pytest.mark.parametrize("idle_at_last", [False, True])
@given(first=times, second=times, order=st.randoms())
def test_the_order_between_sources_does_not_matter(idle_at_last, first, second, order):
    queues = [[active(0, t) for t in sorted(first)], [active(1, t) for t in sorted(second)]]
    if idle_at_last:
        queues = [
            [*queue, idle(n, max(each))]
            for n, (queue, each) in enumerate(zip(queues, (first, second), strict=True))
        ]
    messages = []
    while any(queues):
        messages.append(order.choice([queue for queue in queues if queue]).pop(0))
    expected = max(max(first), max(second)) if idle_at_last else min(max(first), max(second))
    assert heard(*messages).reached_ms == expected


def test_a_subject_is_surely_idle_only_once_each_source_has_confirmed_it_after_the_last_fell_idle():
    marks, expected = Watermarks(), ["ingest/0", "ingest/1"]
    marks.note(Watermark("ingest/0", 1_000, {"labels": {"m": 1}}, {"labels": ["m"]}), expected)
    marks.note(Watermark("ingest/1", 9_000, {"labels": {"m": 5}}, {"labels": ["m"]}), expected)
    assert marks.of("labels", "m").idle
    marks.note(Watermark("ingest/1", 11_000, {}, {}), expected)
    assert not marks.is_surely_idle("labels", "m")  # the other may have died, with rows that nobody has read
    marks.note(Watermark("ingest/0", 9_000 + SURE_MS, {}, {}), expected)
    assert marks.is_surely_idle("labels", "m")
    marks.note(Watermark("ingest/0", 12_000, {"labels": {"m": 9}}, {}), expected)
    assert not marks.is_surely_idle("labels", "m")
