"""Neither the order in which two topics are read nor a publisher's clock takes rows from others."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.integration.running import (
    Workers,
    apply,
    publish,
    rejected,
    rows,
    statistics,
    values,
    wait_for_rows,
)
from tests.integration.scene import MONITOR
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

COUNT = 1_500
SHORT = Monitor.model_validate(
    MONITOR.model_dump(mode="json", exclude_unset=True)
    | {"model": "live", "windows": {"pane": "PT1S", "size": "PT5S", "lateness": "PT5S"}, "segments": []}
)
encode = msgspec.json.encode


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _prediction(model: str, i: int | str, at_ms: int) -> dict[str, Any]:
    return {
        "prediction_id": f"{model}-{i}", "model": model, "model_version": "1",
        "event_time": datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(),
        "features": {"age": 40, "income": 1000, "country": "NL"}, "prediction": {"score": 0.5},
    }  # fmt: skip


def _late(settings: Settings, kind: str) -> float:
    return sum(
        statistic["value"] or 0
        for window in statistics(settings).values()
        if window["kind"] == kind and window["segment"] is None
        for statistic in window["statistics"]
        if statistic["name"] in ("late_rows", "late_labels")
    )


def test_labels_of_a_quiet_model_are_joined_although_they_are_read_before_their_predictions(
    settings: Settings, tmp_path: Path
) -> None:
    apply(settings, MONITOR)
    first_ms = _now_ms() - 3_600_000
    predictions, labels = [], []
    for i in range(COUNT):
        at_ms = first_ms + 1000 * i
        known = {
            "prediction_id": f"risk-{i}",
            "model": "risk",
            "label": i % 2 == 0,
            "label_time": at_ms + 30_000,
        }
        predictions.append(("predictions", f"risk-{i}", encode(_prediction("risk", i, at_ms))))
        labels.append(("labels", f"risk-{i}", encode(known)))
    with Workers(settings, tmp_path, WATCHKEEPER_EARLY_LABELS_SECONDS="120") as workers:
        workers.start(2)
        workers.wait_for_joined()
        time.sleep(6)  # the model is quiet for longer than the idle time
        publish(settings, labels)
        time.sleep(6)  # all labels are read, and labels have been quiet for longer than the idle time too
        workers.kill(0)
        workers.start()
        for start in range(0, COUNT, 500):
            publish(settings, predictions[start : start + 500])
        wanted = {"predictions": COUNT, "labels": COUNT}
        found = wait_for_rows(settings, workers, wanted)
    assert rows(found, "labels") == COUNT
    assert _late(settings, "labels") == 0


def test_clocks_ahead_and_behind_cost_only_their_own_events_and_are_told(
    settings: Settings, tmp_path: Path
) -> None:
    apply(settings, SHORT)
    clocks = {"right": 0, "a-bit-ahead": 3_000, "ahead": 3_000_000, "behind": -600_000}
    counts = dict.fromkeys(clocks, 0)
    sender, topic = producer(settings), topic_name(settings, "predictions")
    with Workers(settings, tmp_path) as workers:
        workers.start()
        workers.wait_for_joined()
        for step in range(120):
            source = list(clocks)[step % 10] if step % 10 < len(clocks) else "right"
            for i in range(10):
                counts[source] += 1
                value = encode(_prediction("live", f"{step}-{i}", _now_ms() + clocks[source]))
                sender.produce(topic, value, f"live-{step}-{i}", headers=[("ce_source", source.encode())])
            assert sender.flush(30) == 0
            time.sleep(0.1)
            if step == 60:
                workers.kill(0)
                workers.start()
        found = wait_for_rows(settings, workers, {"predictions": counts["right"] + counts["a-bit-ahead"]})
        names = _wait_for_alert(settings, workers, "PublisherClockWrong")
    refused = rejected(settings).values()
    assert {each.reason for each in refused} == {"time_ahead"}
    assert len(refused) == counts["ahead"]
    assert all("the clock of 'ahead'" in each.message for each in refused)
    assert rows(found, "predictions") == counts["right"] + counts["a-bit-ahead"]
    # The first of those behind are in time: no row was there before them in their partition.
    assert counts["behind"] - settings.partitions <= _late(settings, "predictions") <= counts["behind"]
    assert "PublisherClockWrong" in names


def _wait_for_alert(settings: Settings, workers: Workers, name: str, seconds: float = 100) -> set[str]:
    deadline = time.monotonic() + seconds
    while True:
        names = {msgspec.json.decode(value)["labels"]["alertname"] for value in values(settings, "alerts")}
        if name in names:
            return names
        assert time.monotonic() < deadline, f"{names} after {seconds} s\n{workers.logs()}"
        time.sleep(1)
