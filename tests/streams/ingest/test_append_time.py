"""No publisher's clock decides for others: no event moves event time beyond its append time."""

import random
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.ingest.test_stage import (
    MONITOR,
    NOW_MS,
    _by_pane,
    fold,
    label,
    prediction,
    records,
    rejections,
)
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.profiles import PublisherClock, SubjectAccount, ToEvaluate
from watchkeeper.schemas.rejections import REPLAY_HEADER
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import LOG_APPEND_TIME, Record
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.publisher_clocks import Timed, measure
from watchkeeper.streams.ingest.stage import KINDS, IngestFold
from watchkeeper.streams.ingest.tally import Tallies

BOTH = pytest.mark.parametrize("timestamp_type", [0, LOG_APPEND_TIME])
MINUTE_MS = 60_000


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


def row(i: int, ahead_ms: int, now_ms: int = NOW_MS) -> dict[str, object]:
    """A prediction by a clock that is ahead."""
    return prediction(i, 0, event_time=iso(now_ms + ahead_ms))


def appended(events: list[object], timestamp_type: int, at_ms: int = NOW_MS, first: int = 0) -> list[Record]:
    return [
        each._replace(timestamp=at_ms, timestamp_type=timestamp_type, headers=[("ce_source", b"gate-a")])
        for each in records(events, first)
    ]


def read_at(at_ms: int, timestamp_type: int) -> int:
    """Return when a worker reads: long after the broker has appended the records, where that is known."""
    return at_ms + 3_600_000 if timestamp_type else at_ms


@BOTH
@pytest.mark.parametrize("ahead_ms", [MINUTE_MS + 1, 5 * MINUTE_MS, 3_599_999])
def test_one_event_of_a_clock_that_is_ahead_makes_no_other_late(timestamp_type, ahead_ms):
    ingest = fold()
    events = [row(0, 0), row(1, ahead_ms), *(row(i, i) for i in range(2, 500))]
    chunk = appended(events, timestamp_type)
    ingest.fold("predictions", chunk, read_at(NOW_MS, timestamp_type))
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.late, account.rejected) == (499, 0, 1)
    (refused,) = rejections(ingest.outputs())
    assert (refused.reason, refused.offset, refused.value) == ("time_ahead", 1, chunk[1].value)
    where = "Kafka appended the event" if timestamp_type else "the event was first read"
    assert refused.message == (
        f"`$.event_time` is {ahead_ms / 1000:,.0f} s later than the time at which {where}; "
        "at most 60 s are allowed (`windows.ahead`): correct the clock of 'gate-a'"
    )


@BOTH
def test_an_event_that_is_ahead_by_less_counts_and_closes_nothing_early(timestamp_type):
    ingest = fold()
    chunk = appended([row(0, -150_000), row(1, MINUTE_MS), row(2, -59_000)], timestamp_type)
    ingest.fold("predictions", chunk, read_at(NOW_MS, timestamp_type))
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.late, account.rejected) == (3, 0, 0)
    assert ingest.partition.clock("predictions", "risk").latest_ms == NOW_MS


@BOTH
@pytest.mark.parametrize("model", ["risk", None])
def test_a_label_of_a_clock_that_is_ahead_makes_no_other_late(timestamp_type, model):
    ingest = fold()
    rows = appended([row(i, -i) for i in range(20)], timestamp_type)
    named = {} if model else {"model": None}
    truths = [label(i, 0, label_time=iso(NOW_MS + i), **named) for i in range(20)]
    truths[3]["label_time"], truths[5]["label_time"] = iso(NOW_MS + 5 * MINUTE_MS), iso(NOW_MS + 50_000)
    read_ms = read_at(NOW_MS, timestamp_type)
    ingest.fold("predictions", rows, read_ms)
    ingest.fold("labels", appended(truths, timestamp_type), read_ms)
    assert (ingest.partition.labels.matched, ingest.partition.labels.late) == (19, 0)
    assert [(each.reason, each.offset) for each in rejections(ingest.outputs())] == [("time_ahead", 3)]
    assert ingest.partition.clock("labels", "risk").latest_ms == NOW_MS


def test_a_monitor_states_how_far_ahead_its_events_may_be():
    patient = type(MONITOR).model_validate(
        MONITOR.model_dump(mode="json", exclude_none=True)
        | {"windows": {"pane": "PT1M", "size": "PT5M", "ahead": "PT10M"}}
    )
    assert milliseconds(patient.windows.ahead) == 10 * MINUTE_MS
    ingest = IngestFold(0, 2, Registry.fixed({"risk": Watched(patient, {})}))
    events = [row(0, 10 * MINUTE_MS), row(1, 10 * MINUTE_MS + 1)]
    ingest.fold("predictions", appended(events, LOG_APPEND_TIME), NOW_MS)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.rejected) == (1, 1)


def test_the_longest_of_all_monitors_holds_for_a_label_that_names_no_model():
    ingest = fold()
    truths = [label(i, 0, model=None, label_time=iso(NOW_MS + 1000 * i)) for i in (60, 61)]
    ingest.fold("labels", appended(truths, LOG_APPEND_TIME), NOW_MS)
    assert ingest.partition.accounts["labels"].rejected == 1


def test_a_publisher_whose_events_are_all_ahead_does_not_keep_the_model_busy():
    ingest, now_ms = fold(), NOW_MS
    ingest.tick(now_ms)
    for second in range(10):
        now_ms += 1000
        events = appended([row(second, 10 * MINUTE_MS, now_ms)], 0, now_ms, second)
        ingest.fold("predictions", events, now_ms)
        for kind in KINDS:
            ingest.caught_up(kind, now_ms)
    assert ingest.partition.accounts["predictions"].rejected == 10
    assert ingest.partition.clock("predictions", "risk").idle


def test_a_replay_counts_once_the_time_of_the_event_has_come():
    ingest = fold()
    (refused,) = appended([row(0, 5 * MINUTE_MS)], LOG_APPEND_TIME)
    ingest.fold("predictions", [refused], NOW_MS)
    later_ms = NOW_MS + 4 * MINUTE_MS
    again = refused._replace(offset=1, timestamp=later_ms, headers=[(REPLAY_HEADER, b"predictions/0/0")])
    ingest.fold("predictions", [again], later_ms)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.rejected) == (1, 1)


def _accounts(ingest: IngestFold) -> list[SubjectAccount]:
    sent = [
        msgspec.msgpack.decode(m.value, type=ToEvaluate) for m in ingest.outputs() if m.topic == "profiles"
    ]
    return [each for each in sent if isinstance(each, SubjectAccount)]


def test_the_account_says_whose_clock_is_ahead_or_behind_and_by_how_much():
    ingest = fold()
    events = appended(
        [row(0, 0), *(row(i, -600_000) for i in range(1, 4)), row(4, 90_000), row(5, 1)], LOG_APPEND_TIME
    )
    sources = [b"right", b"slow", b"slow", b"slow", b"fast", b"right"]
    events = [e._replace(headers=[("ce_source", s)]) for e, s in zip(events, sources, strict=True)]
    ingest.fold("predictions", events, NOW_MS + 60_000)
    (account,) = _accounts(ingest)
    assert account.kinds["predictions"].clocks == {
        "right": PublisherClock(2, 0, 0, 0, 1),
        "slow": PublisherClock(3, 3, 0, -600_000, -600_000),
        "fast": PublisherClock(1, 0, 1, 90_000, 90_000),
    }


def test_events_without_trouble_are_sampled_by_their_share():
    tallies, chunk = Tallies("ingest/0"), appended([{}] * 1000, LOG_APPEND_TIME)
    limits, times = np.full(1000, NOW_MS), NOW_MS - 1000 + np.arange(1000)
    measure(
        tallies, "predictions", "risk", Timed(chunk, limits, range(1000), times, np.zeros(1000, np.bool_))
    )
    clocks = tallies.of("risk").of("predictions").clocks
    assert clocks == {"gate-a": PublisherClock(1000, 0, 0, -1000, -125)}


def _life(seed: int, timestamp_type: int) -> list[tuple[str, list[Record], int]]:
    """Chunks of both topics, with events of clocks that are ahead by little and by much."""
    source = random.Random(seed)  # noqa: S311
    chunks, first = [], {"predictions": 0, "labels": 0}
    for step in range(40):
        now_ms = NOW_MS + 20_000 * step
        ahead = [source.choice([0, 0, -5_000, 40_000, 59_000, 200_000]) for _ in range(8)]
        rows = [row(8 * step + i, ms, now_ms) for i, ms in enumerate(ahead)]
        ids = [source.randrange(8 * step + 8) for _ in range(8)]
        truths = [label(i, 0, label_time=iso(now_ms + source.choice([0, 50_000, 90_000]))) for i in ids]
        for topic, events in (("predictions", rows), ("labels", truths)):
            chunks.append((topic, appended(events, timestamp_type, now_ms, first[topic]), now_ms))
            first[topic] += len(events)
    return chunks


def _lived(seed: int, timestamp_type: int, restart_at: set[int]) -> tuple[object, ...]:
    ingest, outputs, known = fold(), [], {"predictions": [], "labels": []}
    for step, (topic, chunk, now_ms) in enumerate(_life(seed, timestamp_type)):
        known[topic] += chunk
        ingest.fold(topic, chunk, now_ms)
        outputs += ingest.outputs()
        if step in restart_at:
            state, ingest = ingest.snapshot(), fold()
            ingest.restore(state)
            for needed, first in ingest.needs().items():
                ingest.remember(needed, known[needed][first:])
    rejected = [(each.topic, each.offset) for each in rejections(outputs)]
    return _by_pane(outputs), ingest.partition.labels, ingest.partition.accounts, rejected


@BOTH
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 50), restart_at=st.sets(st.integers(0, 79), max_size=6))
def test_restarts_decide_alike_about_events_that_were_ahead(timestamp_type, seed, restart_at):
    assert _lived(seed, timestamp_type, restart_at) == _lived(seed, timestamp_type, set())


@BOTH
def test_the_life_has_every_outcome(timestamp_type):
    by_pane, labels, accounts, rejected = _lived(1, timestamp_type, set())
    assert {key[0] for key in by_pane} == {"predictions", "labels"}
    assert min(labels.matched, labels.corrected, len(rejected)) > 5
    assert accounts["predictions"].late == 0


def test_a_planted_fault_is_found_which_forgets_the_bounds_of_the_first_reading(monkeypatch):
    everywhere = set(range(0, 80, 3))
    whole = [_lived(seed, 0, set()) for seed in range(5)]
    assert [_lived(seed, 0, everywhere) for seed in range(5)] == whole
    monkeypatch.setattr(Partition, "note_clamped", lambda *_: None)
    with pytest.raises((AssertionError, msgspec.ValidationError)):  # the second: a label is taken back twice
        assert [_lived(seed, 0, everywhere) for seed in range(5)] == whole
