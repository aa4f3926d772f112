"""A monitor that changes in mid-stream, and a worker killed around it, give the result of an offline fold."""

import json
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.integration.running import Workers, apply, publish, rows, wait_for_rows
from tests.integration.scene import MONITOR, START, events
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.cli.changes import DesiredState, EffectiveTime, plan
from watchkeeper.streams.cli.current import read_configuration, send_configuration
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.kafka.client import read_to_end
from watchkeeper.streams.kafka.embedded import free_port
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

ROWS = 12_000
CHANGE_MS = round(START.timestamp() * 1000) + 5 * 60_000
"""Time of the change. With 20 events a second it is at row 6,000."""
CHANGES = {
    "features": {"age": {"type": "integer"}, "country": {"type": "category"}},
    "segments": [],
    "windows": {"pane": "PT30S", "size": "PT1M", "lateness": "PT20S"},
    "labels": {"expected_within": "PT2H", "threshold": 0.2},
}
AFTER = Monitor.model_validate(MONITOR.model_dump(mode="json", exclude_unset=True) | CHANGES)
BEACON = Monitor.model_validate(
    {"feature_view": "beacon", "owner": {"team": "ml"}, "features": {"x": {"type": "number"}}}
)


def test_a_change_in_mid_stream_and_a_kill_give_what_an_offline_fold_gives(
    settings: Settings, tmp_path: Path
) -> None:
    apply(settings, MONITOR)
    everything = list(events(ROWS))
    before, around = len(everything) * 4 // 10, len(everything) * 6 // 10
    with _worker(settings, tmp_path / "a") as first, _worker(settings, tmp_path / "b") as second:
        (victim,) = first.start()
        second.start()
        for workers in (first, second):
            _wait_for_subject(workers, "risk")
        publish(settings, everything[:before])
        _, records = plan(
            [DesiredState(AFTER, None)], [], read_configuration(settings), EffectiveTime(0, CHANGE_MS)
        )
        send_configuration(settings, records)
        apply(settings, BEACON)  # a worker that has received it has received the change
        for workers in (first, second):
            _wait_for_subject(workers, "beacon")
        publish(settings, everything[before:around])
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        publish(settings, everything[around:])
        first.start()
        expected = _offline(settings)
        wanted = {kind: rows(expected, kind) for kind in ("predictions", "labels")}
        found = wait_for_rows(settings, second, wanted)
    assert found == expected
    counted = {window["monitor_revision"]: 0 for window in found.values()}
    for window in found.values():
        counted[window["monitor_revision"]] += window["rows"]
        assert (window["window_start_ms"] >= CHANGE_MS) == window["monitor_revision"]
    assert min(counted[0], counted[1]) > 2000


class _Worker(Workers):
    port = 0


def _worker(settings: Settings, folder: Path) -> _Worker:
    folder.mkdir()
    port = free_port()
    # The pause between the parts must not count as the end of the stream.
    workers = _Worker(settings, folder, WATCHKEEPER_WEB_PORT=str(port), WATCHKEEPER_IDLE_SECONDS="8")
    workers.port = port
    return workers


def _wait_for_subject(workers: _Worker, subject: str) -> None:
    deadline = time.monotonic() + 60
    while subject not in _subjects(workers.port):
        assert time.monotonic() < deadline, workers.logs()
        time.sleep(0.1)


def _subjects(port: int) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return list(json.load(answer)["subjects"])
    except OSError:
        return []


def _offline(settings: Settings) -> dict[Any, dict[str, Any]]:
    """Fold the topics in one process that has the change from the start."""
    registry = Registry.fixed({"risk": Timeline(Watched(MONITOR), (CHANGE_MS, Watched(AFTER, {}, 1)))})
    count, now_ms = settings.partitions, time.time_ns() // 1_000_000
    folds = [EvaluateFold(registry, [f"ingest/{n}" for n in range(count)]) for _ in range(count)]
    ingests = [IngestFold(number, count, registry, early_ms=2_000) for number in range(count)]
    found: dict[Any, dict[str, Any]] = {}

    def deliver(ingest: IngestFold) -> None:
        for message in ingest.outputs():
            if message.topic == "profiles" and message.partition is not None:
                folds[message.partition].fold("profiles", [Record(0, 0, b"", message.value)], now_ms)
        for message in (each for fold in folds for each in fold.outputs() if each.topic == "statistics"):
            window = json.loads(message.value)
            names = ("subject", "version", "segment", "kind", "window_start_ms", "window_end_ms")
            found[tuple(window[name] for name in names)] = window

    for number, ingest in enumerate(ingests):
        ingest.tick(now_ms)
        for topic in ("predictions", "labels"):
            messages = read_to_end(settings, topic_name(settings, topic), number)
            chunk = [Record(m.offset(), m.timestamp()[1], m.key(), m.value()) for m in messages]
            ingest.fold(topic, chunk, now_ms)
            deliver(ingest)
    for seconds in (6, 9, 12):
        for ingest in ingests:
            for topic in ("predictions", "labels", "features"):
                ingest.caught_up(topic, now_ms + seconds * 1000)
                deliver(ingest)
    return found
