"""What is rejected: nothing stops or is held back, and who is told depends on the events alone."""

import json
import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.ingest.test_stage import MONITOR, NOW_MS, VIEW, prediction
from watchkeeper.schemas.rejections import REPLAY_HEADER, Reason, Rejection
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.quarantine import Excess, Quarantine, RejectedLimit
from watchkeeper.streams.ingest.replays import REMEMBERED, Replays, origin_of
from watchkeeper.streams.ingest.stage import IngestFold

LIMIT = RejectedLimit(share_max=0.5, events_min=20)
OTHER = Registry.fixed({"weather": Watched(VIEW, {})})
BOTH = Registry.fixed({"weather": Watched(VIEW, {}), "risk": Watched(MONITOR, {})})
chunkings = st.integers(1, 40)


def counted(bad: Sequence[bool], chunk: int, limit: RejectedLimit = LIMIT) -> Quarantine:
    """The quarantine after events, given which of them are rejected and name no subject."""
    quarantine = Quarantine()
    for first in range(0, len(bad), chunk):
        part = bad[first : first + chunk]
        refused: dict[int, Reason] = {i: "empty" for i, each in enumerate(part) if each}
        unnamed = {i: f"labels/0/{first + i}: empty" for i in refused}
        quarantine.take(len(part), refused, (), limit, unnamed)
    return quarantine


def by_definition(bad: Sequence[bool], limit: RejectedLimit = LIMIT) -> bool:
    """Whether these events exceed the limit, as the documentation defines it."""
    last = bad[-limit.events_min :]
    return len(last) == limit.events_min and sum(last) > limit.share_max * limit.events_min


@given(st.lists(st.booleans(), max_size=120), chunkings, st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]))
def test_the_limit_is_that_of_the_last_events_in_whatever_chunks_they_come(bad, chunk, share_max):
    limit = RejectedLimit(share_max, 20)
    quarantine = counted(bad, chunk, limit)
    assert (quarantine.excess(limit) is not None) == by_definition(bad, limit)
    assert len(quarantine.unnamed) <= 20


@given(st.integers(20, 200), chunkings)
def test_it_is_exceeded_until_enough_good_events_follow(healthy, chunk):
    assert counted([False] * healthy + [True] * 20, chunk).excess(LIMIT) is not None
    assert counted([True] * 20 + [False] * healthy, chunk).excess(LIMIT) is None


def test_an_excess_has_the_most_frequent_reason_and_the_last_event():
    refused: dict[int, Reason] = {i: "empty" if i % 3 else "malformed_json" for i in range(25)}
    quarantine = Quarantine()
    quarantine.take(25, refused, (), LIMIT, {i: f"labels/0/{i}" for i in refused})
    assert quarantine.excess(LIMIT) == Excess(20, 20, "empty", "labels/0/24")


def test_what_does_not_count_neither_fills_nor_stretches_the_span():
    quarantine = Quarantine()
    others: dict[int, Reason] = dict.fromkeys(range(0, 40, 2), "unknown_model")
    quarantine.take(40, others, range(0, 40, 2), LIMIT, {})
    assert (quarantine.events, quarantine.share(LIMIT)) == (20, 0.0)
    bad: dict[int, Reason] = dict.fromkeys(range(11), "empty")
    quarantine.take(11, bad, (), LIMIT, dict.fromkeys(bad, ""))
    assert quarantine.excess(LIMIT) == Excess(11, 20, "empty", "")


def records(events: list[object], first: int = 0) -> list[Record]:
    values = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return [Record(first + i, NOW_MS, b"k", value) for i, value in enumerate(values)]


def run(fold: IngestFold, chunks: Sequence[Sequence[Record]], topic: str = "predictions") -> IngestFold:
    for chunk in chunks:
        fold.fold(topic, chunk, NOW_MS)
    return fold


def rejections(fold: IngestFold) -> list[Rejection]:
    return [
        msgspec.msgpack.decode(message.value, type=Rejection)
        for message in fold.outputs()
        if message.topic == "rejected"
    ]


@given(st.randoms(use_true_random=False), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_a_restart_changes_nothing(source: random.Random, restarted_after: int):
    events = [b"{" if source.random() < 0.5 + i / 200 else prediction(i, i) for i in range(100)]
    stream = records(events)
    undisturbed = run(IngestFold(0, 2, BOTH, limit=LIMIT), [stream])
    first = run(IngestFold(0, 2, BOTH, limit=LIMIT), [[record] for record in stream[:restarted_after]])
    second = IngestFold(0, 2, BOTH, limit=LIMIT)
    second.restore(first.snapshot())
    run(second, [stream[restarted_after:]])
    assert second.rejected_shares() == undisturbed.rejected_shares()


def test_events_that_name_nobody_are_told_with_their_place_and_reason():
    fold = run(IngestFold(3, 4, BOTH, limit=LIMIT), [records([b"{}"] * 30)], "labels")
    [share] = fold.rejected_shares()
    assert (share.topic, share.partition, share.rejected, share.events) == ("labels", 3, 20, 20)
    assert share.reason == "invalid_event"
    assert share.sample.startswith("labels/3/29: ")
    assert "prediction_id" in share.sample


BAD: dict[str, object] = {
    "a latency in words": {**prediction(1, 1), "latency_ms": "slow"},
    "no features": {name: value for name, value in prediction(1, 1).items() if name != "features"},
    "a time in seconds": {**prediction(1, 1), "event_time": 1_767_225_600},
    "JSON with NaN": json.dumps(prediction(1, 1)).replace("1.5", "NaN").encode(),
    "JSON that is cut": json.dumps(prediction(1, 1)).encode()[:-20],
    "an envelope": {"specversion": "1.0", "data": {**prediction(1, 1), "prediction": None}},
}


@pytest.mark.parametrize("bad", BAD)
def test_a_subject_whose_events_are_all_bad_stops_nobody_and_holds_nothing_back(bad: str):
    """In any mix with others, each good event counts, and each bad one is in `rejected`."""
    good = [prediction(i, i) for i in range(50)]
    stream = records([event for each in good for event in (*[BAD[bad]] * 20, each)])
    fold = run(IngestFold(0, 2, BOTH, limit=LIMIT), [stream[i : i + 70] for i in range(0, len(stream), 70)])
    account = fold.partition.accounts["predictions"]
    assert (account.accepted, account.rejected) == (50, 1000)
    assert len(rejections(fold)) == 1000
    assert fold.rejected_shares() == []  # its owner is told, not the team of the installation


def test_a_rejected_event_keeps_all_its_bytes():
    value = json.dumps({**prediction(1, 1), "latency_ms": "slow", "note": "x" * 60_000}).encode()
    fold = run(IngestFold(0, 2, BOTH), [[Record(1, NOW_MS, b"key", value, [("ce_id", b"1")])]])
    [rejection] = rejections(fold)
    assert rejection.is_whole
    assert (rejection.key, rejection.value, rejection.headers) == (b"key", value, [("ce_id", b"1")])


def test_events_of_models_without_a_monitor_are_told_to_nobody():
    fold = run(IngestFold(0, 2, OTHER, limit=LIMIT), [records([prediction(i, i) for i in range(100)])])
    assert fold.partition.accounts["predictions"].rejected == 100
    assert fold.rejected_shares() == []


def replay(origin: int, offset: int, value: bytes, topic: str = "predictions", number: int = 0) -> Record:
    return Record(offset, NOW_MS, b"k", value, [("ce_id", b"1"), (REPLAY_HEADER, b"%s/%d/%d" % (
        topic.encode(), number, origin))])  # fmt: skip


def test_a_replay_that_is_rejected_again_counts_as_rejected_and_is_told_to_nobody():
    fold = IngestFold(0, 2, BOTH, limit=LIMIT)
    run(fold, [[replay(i, 1000 + i, b"{") for i in range(100)]])
    assert fold.rejected_shares() == []
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
