"""All kinds of publishers: every compression, committed and aborted transactions, binary header names."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer import message_accumulator
from aiokafka.producer import producer as sending
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer

from tests.integration.running import Workers, apply, values, wait_for_rows
from tests.integration.scene import MONITOR, at
from watchkeeper.streams.kafka.client import headers_of, producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

CODECS = "none", "gzip", "snappy", "lz4", "zstd"
EACH = 200


class NotText(str):
    """A header name whose bytes are not UTF-8."""

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        """Return the bytes to send."""
        return b"\xff\xfe" + str(self).encode()


def _predictions(first: int, count: int = EACH) -> list[tuple[str, bytes]]:
    return [
        (
            f"p{row}",
            msgspec.json.encode(
                {
                    "prediction_id": f"p{row}",
                    "model": "risk",
                    "event_time": at(row),
                    "features": {"age": row % 90, "income": 1200, "country": "NL"},
                    "prediction": {"score": 0.25},
                }
            ),
        )
        for row in range(first, first + count)
    ]


def _send(sender: Producer, settings: Settings, events: list[tuple[str, bytes]]) -> None:
    for key, value in events:
        sender.produce(topic_name(settings, "predictions"), value, key)
    assert sender.flush(30) == 0


async def _send_with_odd_header(settings: Settings, events: list[tuple[str, bytes]]) -> None:
    sender = AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=200)
    await sender.start()
    topic, odd = topic_name(settings, "predictions"), len(events) // 2
    sent = [
        await sender.send(
            topic, value, key.encode(), partition=0, headers=[(NotText("trace"), b"x")] if n == odd else []
        )
        for n, (key, value) in enumerate(events)
    ]
    await asyncio.gather(*sent)
    await sender.stop()


def test_every_compression_and_headers_that_are_not_text(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One such header loses nothing of its batch, and the records after it are read."""
    for module in (message_accumulator, sending):  # the compiled encoder accepts only text
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    apply(settings, MONITOR)
    asyncio.run(_send_with_odd_header(settings, _predictions(0)))
    for n, codec in enumerate(CODECS, 1):
        _send(producer(settings, **{"compression.type": codec}), settings, _predictions(n * EACH))
    with Workers(settings, tmp_path) as running:
        running.start()
        wait_for_rows(settings, running, {"predictions": (len(CODECS) + 1) * EACH}, 30)
    again = read_to_end(settings, topic_name(settings, "predictions"), 0)
    assert {tuple(headers_of(message)) for message in again} == {()}  # as a worker does after a restart


@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
def test_only_what_was_committed_counts_and_its_end_is_found(settings: Settings, tmp_path: Path) -> None:
    """Nothing waits for the markers that end a transaction: windows close although no record follows them."""
    apply(settings, MONITOR)
    with Workers(settings, tmp_path) as running:
        running.start()
        sender = producer(settings, **{"transactional.id": settings.topic_prefix + "publisher"})
        sender.init_transactions(30)
        for n, end in enumerate([sender.commit_transaction, sender.abort_transaction] * 2):
            sender.begin_transaction()
            _send(sender, settings, _predictions(n * EACH))
            end(30)
        wait_for_rows(settings, running, {"predictions": 2 * EACH}, 30)
    assert len(list(values(settings, "predictions"))) == 2 * EACH
