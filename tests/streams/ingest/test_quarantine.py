"""The limit of what is rejected: which event stops a worker, and that it is always the same one."""

import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.ingest.test_stage import MONITOR, NOW_MS, VIEW, prediction
from watchkeeper.schemas.rejections import REPLAY_HEADER, Reason
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.fold.rejected_share import Excess, RejectedShareHigh
from watchkeeper.streams.ingest.quarantine import Quarantine, RejectedLimit
from watchkeeper.streams.ingest.replays import REMEMBERED, Replays, origin_of
from watchkeeper.streams.ingest.stage import IngestFold

LIMIT = RejectedLimit(share_max=0.5, events_min=20)
OTHER = Registry.fixed({"weather": Watched(VIEW, {})})
BOTH = Registry.fixed({"weather": Watched(VIEW, {}), "risk": Watched(MONITOR, {})})
chunkings = st.integers(1, 40)


def stops_at(rejected: Sequence[bool], chunk: int, limit: RejectedLimit = LIMIT) -> int | None:
    """The number of the event that stops a worker, given which of all events are rejected."""
    quarantine = Quarantine()
    for first in range(0, len(rejected), chunk):
        part = rejected[first : first + chunk]
        refused: dict[int, Reason] = {i: "empty" for i, bad in enumerate(part) if bad}
        excess = quarantine.take(len(part), refused, (), limit)
        if excess is not None:
            return first + excess.at
    return None


def by_definition(rejected: Sequence[bool], limit: RejectedLimit = LIMIT) -> int | None:
    """The same, as the documentation defines it."""
    for i, bad in enumerate(rejected):
        last = rejected[max(0, i + 1 - limit.events_min) : i + 1]
        if bad and len(last) == limit.events_min and sum(last) > limit.share_max * limit.events_min:
            return i
    return None


@given(st.lists(st.booleans(), max_size=120), chunkings, st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]))
def test_the_same_event_stops_a_worker_in_whatever_chunks_it_comes(rejected, chunk, share_max):
    limit = RejectedLimit(share_max, 20)
    assert stops_at(rejected, chunk, limit) == by_definition(rejected, limit)


@given(st.lists(st.integers(0, 9), max_size=20), chunkings)
def test_bursts_below_the_limit_never_stop_a_worker(gaps, chunk):
    burst = [True] * 10  # half of the last 20, and not more
    stream = [bad for gap in gaps for bad in (*burst, *[False] * (10 + gap))]
    assert stops_at(stream, chunk) is None


@given(st.integers(0, 200), chunkings)
def test_a_topic_that_is_drained_always_stops_a_worker(healthy, chunk):
    stopped = stops_at([False] * healthy + [True] * 20, chunk)
    assert stopped is not None
    assert stopped == max(healthy + 10, 19)


@pytest.mark.parametrize("share_max", [1.0])
def test_with_a_share_of_one_nothing_stops_a_worker(share_max):
    assert stops_at([True] * 500, 7, RejectedLimit(share_max, 20)) is None


def test_the_most_frequent_reason_is_reported():
    refused: dict[int, Reason] = {i: "empty" if i % 3 else "malformed_json" for i in range(25)}
    assert Quarantine().take(25, refused, (), LIMIT) == Excess(19, 20, 20, "empty")


def test_what_does_not_count_neither_fills_nor_stretches_the_span():
    quarantine = Quarantine()
    others: dict[int, Reason] = dict.fromkeys(range(0, 40, 2), "unknown_model")
    assert quarantine.take(40, others, range(0, 40, 2), LIMIT) is None
    assert (quarantine.events, quarantine.share(LIMIT)) == (20, 0.0)
    bad: dict[int, Reason] = dict.fromkeys(range(11), "empty")
    assert quarantine.take(11, bad, (), LIMIT) == Excess(10, 11, 20, "empty")


def records(events: list[object], first: int = 0) -> list[Record]:
    values = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return [Record(first + i, NOW_MS, b"k", value) for i, value in enumerate(values)]


def run(fold: IngestFold, chunks: Sequence[Sequence[Record]]) -> str | None:
    """Fold chunks; return the event with which it was too much."""
    try:
        for chunk in chunks:
            fold.fold("predictions", chunk, NOW_MS)
    except RejectedShareHigh as error:
        return error.event
    return None


@given(st.randoms(use_true_random=False), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_a_worker_that_starts_again_stops_at_the_same_event(source: random.Random, restarted_after: int):
    events = [b"{" if source.random() < 0.5 + i / 200 else prediction(i, i) for i in range(100)]
    stream = records(events)
    undisturbed = run(IngestFold(0, 2, BOTH, limit=LIMIT), [stream])
    first = IngestFold(0, 2, BOTH, limit=LIMIT)
    if run(first, [[record] for record in stream[:restarted_after]]) is None:
        second = IngestFold(0, 2, BOTH, limit=LIMIT)
        second.restore(first.snapshot())
        assert run(second, [stream[restarted_after:]]) == undisturbed
    else:
        assert run(IngestFold(0, 2, BOTH, limit=LIMIT), [stream]) == undisturbed


def test_an_excess_names_the_event_and_the_reason():
    with pytest.raises(RejectedShareHigh) as caught:
        IngestFold(3, 4, BOTH, limit=LIMIT).fold("labels", records([b"{}"] * 30), NOW_MS)
    error = caught.value
    assert error.event == "labels/3/19"
    assert "prediction_id" in error.why
    assert (error.excess.rejected, error.excess.events, error.excess.reason) == (20, 20, "invalid_event")


def test_events_of_models_without_a_monitor_stop_nobody():
    fold = IngestFold(0, 2, OTHER, limit=LIMIT)
    assert run(fold, [records([prediction(i, i) for i in range(100)])]) is None
    assert fold.partition.accounts["predictions"].rejected == 100


def replay(origin: int, offset: int, value: bytes, topic: str = "predictions", number: int = 0) -> Record:
    return Record(offset, NOW_MS, b"k", value, [("ce_id", b"1"), (REPLAY_HEADER, b"%s/%d/%d" % (
        topic.encode(), number, origin))])  # fmt: skip


def test_a_replay_that_is_rejected_again_counts_as_rejected_and_stops_nobody():
    fold = IngestFold(0, 2, BOTH, limit=LIMIT)
    assert run(fold, [[replay(i, 1000 + i, b"{") for i in range(100)]]) is None
    assert fold.partition.accounts["predictions"].rejected == 100


def test_a_replay_counts_once_over_chunks_and_restarts():
    fold = IngestFold(0, 2, BOTH)
    good = json.dumps(prediction(1, 1)).encode()
    label = json.dumps({"prediction_id": "p1", "model": "risk", "label": 1, "label_time": NOW_MS}).encode()
    fold.fold("predictions", [replay(3, 10, good)], NOW_MS)
    fold.fold("labels", [replay(4, 10, label, "labels"), replay(4, 11, label, "labels")], NOW_MS)
    again = IngestFold(0, 2, BOTH)
    again.restore(fold.snapshot())
    again.fold("labels", [replay(4, 12, label, "labels")], NOW_MS)
    account = again.partition.accounts["labels"]
    assert (account.accepted, account.duplicate, account.rejected) == (1, 2, 0)


def test_a_header_that_names_another_place_is_no_replay():
    place = "predictions/0/"
    odd = [
        b"predictions/1/3",
        b"labels/0/3",
        b"predictions/0/",
        b"predictions/0/x",
        b"predictions/0/99",
        b"\xff",
    ]
    for header in odd:
        assert origin_of(place, Record(9, 0, None, b"", [(REPLAY_HEADER, header)])) is None, header
    assert origin_of(place, Record(9, 0, None, b"", [(REPLAY_HEADER, b"predictions/0/8")])) == 8
    assert (
        origin_of(place, Record(9, 0, None, b"", [(REPLAY_HEADER, b"predictions/0/8"), ("a", b"")])) is None
    )


def test_the_newest_replays_are_remembered_and_no_more():
    replays = Replays()
    count = REMEMBERED + 5
    chunk = [replay(i, count + i, b"") for i in range(count)]
    assert len(replays.fresh("predictions/0/", chunk)) == count
    assert len(replays.counted) == REMEMBERED
    assert replays.fresh("predictions/0/", [replay(count - 1, 3 * count, b"")]) == []


def test_what_is_remembered_after_a_restart_leaves_repeats_out():
    replays = Replays()
    chunk = [replay(1, 5, b""), replay(2, 6, b""), replay(1, 7, b""), Record(8, 0, None, b"")]
    first = [record.offset for record in replays.fresh("predictions/0/", chunk)]
    assert first == [5, 6, 8]
    assert [record.offset for record in replays.known("predictions/0/", chunk)] == first
