"""Real workers: two new ones take over from an old one that died, and one that is too old stops early."""

import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition

from tests.integration.running import Workers, apply, publish, statistics, values
from tests.integration.scene import MONITOR, events
from tests.upgrades import golden
from tests.upgrades.old_code import unpack
from tests.upgrades.test_from_the_last_format import as_before
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.kafka.client import producer, read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics, topic_name


def _seed(settings: Settings) -> None:
    """Produce what the old worker left: events, configuration, its records and its checkpoints."""
    _, checkpoints, written = golden.crashed()
    sender = producer(settings)
    logs = golden.source() | {name: log for name, log in written.items() if not name.startswith("notify/")}
    for name, log in logs.items():
        topic, partition = name.split("/")
        for record in log:
            _produce(sender, topic_name(settings, topic), int(partition), record)
        assert sender.flush(30) == 0
    for topic, key, value in golden.configuration():
        sender.produce(topic_name(settings, topic), value, key)
    for source, value in checkpoints.items():
        sender.produce(topic_name(settings, "checkpoints"), value, source, partition=int(source[-1]))
    assert sender.flush(30) == 0


def _produce(sender: Any, topic: str, partition: int, record: Record) -> None:
    sender.produce(topic, record.value, record.key, partition=partition, headers=list(record.headers))


def _alerts(settings: Settings) -> dict[str, Any]:
    """Return the alerts without those of silence: by today's clock, the old worker died long ago."""
    decoded = map(json.loads, values(settings, "alerts"))
    told = (each for each in decoded if each["labels"]["alertname"] != "StreamSilent")
    return {f"{each['fingerprint']} {each['updated_at']} {each['status']}": each for each in told}


def test_two_new_workers_end_as_the_old_one_would_have(settings: Settings, tmp_path: Path) -> None:
    two = settings.model_copy(update={"partitions": 2, "topic_prefix": settings.topic_prefix + "up."})
    create_topics(two)
    _seed(two)
    final = as_before(golden.final())
    deadline = time.monotonic() + 90
    with Workers(two, tmp_path) as running:
        running.start(2)
        while len(statistics(two)) < len(final["statistics"]) or len(_alerts(two)) < len(final["alerts"]):
            assert time.monotonic() < deadline, running.logs()
            time.sleep(0.3)
        found = {" ".join(map(str, key)): window for key, window in statistics(two).items()}
        told = as_before({**final, "statistics": found, "alerts": _alerts(two)})
        assert told["statistics"] == final["statistics"]
        assert told["alerts"] == final["alerts"]


def _committed(settings: Settings, topic: str) -> list[int]:
    group = settings.topic_prefix + settings.application
    consumer = Consumer(settings.client_config() | {"group.id": group})
    name = topic_name(settings, topic)
    try:
        asked = [TopicPartition(name, number) for number in range(settings.partitions)]
        return [max(0, each.offset) for each in consumer.committed(asked, 10)]
    finally:
        consumer.close()


def _stops(settings: Settings, folder: Path, sentence: str) -> None:
    folder.mkdir()
    with Workers(settings, folder) as running:
        (process,) = running.start()
        assert process.wait(60) == 70, running.logs()
        assert sentence in running.logs()


def test_what_a_newer_worker_wrote_stops_this_one_before_it_acts(settings: Settings, tmp_path: Path) -> None:
    apply(settings, MONITOR)
    publish(settings, list(events(200)))
    sender = producer(settings)
    checkpoints = topic_name(settings, "checkpoints")
    newer = zlib.compress(msgspec.msgpack.encode({"version": 99, "offsets": "otherwise"}))
    sender.produce(checkpoints, newer, "page/0", partition=0)
    assert sender.flush(30) == 0
    sentence = "checkpoint page/0 has format 99, this program reads up to 2: upgrade this worker"
    _stops(settings, tmp_path / "checkpoint", sentence)
    kept = [
        message.value() for message in read_to_end(settings, checkpoints, 0) if message.key() == b"page/0"
    ]
    assert kept == [newer]

    sender.produce(checkpoints, None, "page/0", partition=0)
    record = Record(0, 0, b"risk", b"in another shape", (("wk-format", b"3"),))
    _produce(sender, topic_name(settings, "findings"), 1, record)
    assert sender.flush(30) == 0
    sentence = "has format 3, this program reads up to 2: upgrade this worker"
    _stops(settings, tmp_path / "record", sentence)
    assert _committed(settings, "findings")[1] == 0


def _old_worker(settings: Settings, code: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a worker of the code that wrote the last format."""
    environment = {
        **os.environ,
        "WATCHKEEPER_BROKER": settings.broker,
        "WATCHKEEPER_APPLICATION": settings.application,
        "WATCHKEEPER_TOPIC_PREFIX": settings.topic_prefix,
        "WATCHKEEPER_PARTITIONS": "2",
        "WATCHKEEPER_WEB_PORT": "0",
        "WATCHKEEPER_CHECKPOINT_SECONDS": "0.3",
        "WATCHKEEPER_IDLE_SECONDS": "3",
        "PYTHONPATH": str(code),
    }
    command = [sys.executable, "-m", "watchkeeper.streams.cli", "worker"]
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, env=environment, cwd=code)


def _wait_for_membership(worker: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until it is ready. Before that, a worker neither folds nor reacts to SIGTERM."""
    deadline = time.monotonic() + 60
    while b"generation" not in log.read_bytes():
        assert worker.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.2)


def test_an_old_and_a_new_worker_side_by_side_lose_and_double_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    code = unpack(golden.FORMAT_1, tmp_path / "code")
    two = settings.model_copy(update={"partitions": 2, "topic_prefix": settings.topic_prefix + "roll."})
    create_topics(two)
    final = as_before(golden.final())["statistics"]
    sender = producer(two)
    for topic, key, value in golden.configuration():
        sender.produce(topic_name(two, topic), value, key)
    assert sender.flush(30) == 0
    steps = 24
    old = _old_worker(two, code, tmp_path / "old.log")
    try:
        _wait_for_membership(old, tmp_path / "old.log")
        with Workers(two, tmp_path, WATCHKEEPER_WRITE_FORMAT="1", WATCHKEEPER_IDLE_SECONDS="3") as running:
            for step in range(steps):
                for name, log in golden.source().items():
                    topic, partition = name.split("/")
                    for record in log[len(log) * step // steps : len(log) * (step + 1) // steps]:
                        _produce(sender, topic_name(two, topic), int(partition), record)
                assert sender.flush(30) == 0
                if step == 2:
                    running.start()
                if step == 16:
                    assert old.poll() is None, (tmp_path / "old.log").read_text()[-3000:]
                    old.terminate()
                time.sleep(0.25)  # slowly enough that both workers fold while events flow
            assert old.wait(30) == 0, (tmp_path / "old.log").read_text()[-3000:]
            deadline = time.monotonic() + 60
            while len(statistics(two)) < len(final):
                assert time.monotonic() < deadline, running.logs()
                time.sleep(0.3)
            found = {" ".join(map(str, key)): window for key, window in statistics(two).items()}
            assert as_before({**golden.final(), "statistics": found})["statistics"] == final
    finally:
        old.kill()
        old.wait()
