"""What is rejected: every event of a batch that can't be read is counted, and the batch is told."""

import json

import msgspec
import pytest

from tests.streams.ingest.test_stage import NOW_MS, fold, prediction, records
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.streams.fold.protocol import UnreadBatch

UNREAD = UnreadBatch(6, NOW_MS, None, b"\0" * 8 + b"batch", (), 1, 2, 29_000, "it has more than 64 MiB")


@pytest.mark.parametrize("topic", ["predictions", "labels", "features"])
def test_a_batch_that_can_not_be_read_is_rejected_with_all_its_offsets(topic: str) -> None:
    ingest = fold()
    ingest.fold(topic, [*records([b"{"], first=1), UNREAD, *records([b"{"], first=7)], NOW_MS)
    assert ingest.partition.accounts[topic].total == 7
    sent = [message for message in ingest.outputs() if message.topic == "rejected"]
    _, found, _ = [msgspec.msgpack.decode(message.value, type=Rejection) for message in sent]
    assert (found.name, found.reason, found.size_bytes) == (f"{topic}/0/6", "unreadable", 29_000)
    assert found.message == "the batch of offsets 2 to 6 can't be read: it has more than 64 MiB"
    assert not found.is_whole


def test_the_events_around_it_are_folded() -> None:
    ingest = fold()
    good = [json.dumps(prediction(i, i)).encode() for i in range(2)]
    ingest.fold("predictions", [*records([good[0]], first=1), UNREAD, *records([good[1]], first=7)], NOW_MS)
    account = ingest.partition.accounts["predictions"]
    assert (account.accepted, account.rejected) == (2, 5)
