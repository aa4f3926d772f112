"""A bad deploy stops the worker and pages. After it is fixed, a replay recovers the events."""

import json
from pathlib import Path

import pytest

from tests.alertmanager import installed_alertmanager
from tests.integration.running import Workers, apply, publish, rejected, wait_for_rows
from tests.integration.scene import at
from tests.integration.test_page import until
from tests.streams.cli.cli_runs import run
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

EVENTS = 4_000
FIRST = 200
LIMIT = 100


def monitor(task: str) -> Monitor:
    document = {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": task,
        "features": {"age": {"type": "number"}},
        "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT5M"},
    }
    return Monitor.model_validate(document)


def prediction(row: int) -> bytes:
    """A score in percent: valid for a regression, invalid for a classifier."""
    event = {"prediction_id": f"p{row}", "model": "risk", "event_time": at(row)}
    output = {"value": row % 70, "score": 50}
    return json.dumps({**event, "features": {"age": row % 90}, "prediction": output}).encode()


def test_a_bad_deploy_stops_the_worker_and_pages_and_a_replay_makes_it_good(
    settings: Settings, tmp_path: Path
) -> None:
    apply(settings, monitor("binary-classification"))
    events = [("predictions", f"p{row}", prediction(row)) for row in range(EVENTS)]
    with installed_alertmanager(tmp_path) as alertmanager:
        environment = {
            "WATCHKEEPER_ALERTMANAGERS": alertmanager.url,
            "WATCHKEEPER_REJECTED_EVENTS_MIN": str(LIMIT),
        }
        with Workers(settings, tmp_path, **environment) as running:
            [worker] = running.start()
            publish(settings, events[:FIRST])  # too few to stop the worker: they are rejected
            until(lambda: len(rejected(settings)) == FIRST, running)
            publish(settings, events[FIRST:])
            assert worker.wait(60) == 71, running.logs()
            [alert] = alertmanager.alerts()
            assert alert["labels"]["alertname"] == "RejectedShareHigh"
            assert alert["labels"]["topic"] == topic_name(settings, "predictions")
            assert "were rejected, most as invalid_event; predictions/" in running.logs()
            assert len(rejected(settings)) <= settings.partitions * LIMIT
            apply(settings, monitor("regression"))
            assert replay(settings) == len(rejected(settings))
            running.start()
            (window,) = wait_for_rows(settings, running, {"predictions": EVENTS}).values()
    found = {(each["name"], each.get("feature")): each["value"] for each in window["statistics"]}
    assert (found["late_rows", None], found["duplicate_ratio", None]) == (0, 0)
    assert found["mean", "age"] == pytest.approx(sum(row % 90 for row in range(EVENTS)) / EVENTS)
    assert found["prediction_mean", None] == pytest.approx(sum(row % 70 for row in range(EVENTS)) / EVENTS)


def replay(settings: Settings) -> int:
    """Replay all. Return their number."""
    names = ("broker", "application", "topic_prefix")
    environment = {f"WATCHKEEPER_{name.upper()}": str(getattr(settings, name)) for name in names}
    result = run("rejected", "replay", "--yes", "--json", **environment)
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout)["replayed"])
