"""A batch of a few kilobytes that is huge when decompressed costs nothing else, also after a restart."""

from pathlib import Path

import pytest

from tests.integration.running import Workers, apply, publish, rejected, wait_for_rows
from tests.integration.scene import MONITOR
from tests.integration.test_garbage import prediction
from tests.integration.test_page import until
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

HUGE_BYTES = 150 * 2**20
"""More than a worker decompresses, and more than librdkafka does, with which a restart reads again."""
RECORDS = 5
"""Number of records of the batch: a reader must find its end."""
GOOD = 1_000


def publish_huge(settings: Settings, compression: str) -> None:
    """Publish one huge batch of several records."""
    options = {
        "compression.type": compression,
        "message.max.bytes": 2 * HUGE_BYTES,
        "batch.size": 2**31 - 1,
        "batch.num.messages": RECORDS,
        "linger.ms": 60_000,
    }
    sender = producer(settings, **options)
    failures: list[object] = []
    topic, value = topic_name(settings, "predictions"), bytes(HUGE_BYTES // RECORDS)
    for _ in range(RECORDS):
        sender.produce(topic, value, b"huge", 0, lambda error, _: failures.append(error))
    assert sender.flush(120) == 0
    assert failures == [None] * RECORDS


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_a_huge_batch_is_set_aside(settings: Settings, tmp_path: Path, compression: str) -> None:
    apply(settings, MONITOR)
    events = [("predictions", f"p{row}", prediction(row)) for row in range(3 * GOOD)]
    publish(settings, events[:GOOD])
    publish_huge(settings, compression)
    publish(settings, events[GOOD : 2 * GOOD])
    with Workers(settings, tmp_path) as running:
        running.start()
        until(lambda: len(rejected(settings)) == 1, running)
        [found] = rejected(settings).values()
        assert (found.topic, found.partition, found.reason) == ("predictions", 0, "unreadable")
        first = found.offset - RECORDS + 1
        assert found.message == (
            f"the batch of offsets {first} to {found.offset} can't be read: "
            "decompressed, it has more than 64 MiB"
        )
        assert found.size_bytes < HUGE_BYTES // 100
        running.kill(0)
        running.start()
        publish(settings, events[2 * GOOD :])
        wait_for_rows(settings, running, {"predictions": 3 * GOOD})
        assert len(rejected(settings)) == 1
