"""From events in Kafka to a page in a real Alertmanager, first firing and then resolved."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.alertmanager import installed_alertmanager
from tests.integration.running import Workers, apply, publish
from tests.integration.scene import at
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.settings import Settings

ROOT = Path(__file__).parents[2]
PANE_ROWS = 600  # half a minute, at 20 a second
MONITOR = Monitor.model_validate(
    {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {"age": {"type": "number", "range": [0, 100]}},
        "windows": {"pane": "PT30S", "size": "PT30S", "lateness": "PT0S"},
        "sensitivity": {"resolve_after": 1},
    }
)


def predictions(first_pane: int, panes: int, with_age: bool) -> list[tuple[str, str, bytes | None]]:
    """Return several windows of predictions, with or without the feature."""
    events: list[tuple[str, str, bytes | None]] = []
    for row in range(first_pane * PANE_ROWS, (first_pane + panes) * PANE_ROWS):
        event = {"prediction_id": f"p{row}", "model": "risk", "event_time": at(row)}
        features = {"age": 20 + row % 50} if with_age else {}
        value = json.dumps({**event, "features": features, "prediction": {"score": row % 100 / 100}})
        events.append(("predictions", f"p{row}", value.encode()))
    return events


def until(condition: Callable[[], bool], workers: Workers, seconds: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, workers.logs()
        time.sleep(0.2)


def test_a_null_burst_pages_with_its_runbook_and_is_resolved(settings: Settings, tmp_path: Path) -> None:
    apply(settings, MONITOR)
    with (
        installed_alertmanager(tmp_path) as alertmanager,
        Workers(settings, tmp_path, WATCHKEEPER_ALERTMANAGERS=alertmanager.url) as running,
    ):
        [worker] = running.start()
        publish(settings, predictions(0, 3, with_age=True))
        publish(settings, predictions(3, 3, with_age=False))
        until(lambda: bool(alertmanager.alerts()), running)
        [alert] = alertmanager.alerts()
        assert alert["labels"]["alertname"] == "FeatureMissing"
        assert alert["labels"]["feature"] == "age"
        assert alert["labels"]["severity"] == "critical"
        assert (
            "age is missing in 100%" in alert["annotations"]["summary"] + alert["annotations"]["description"]
        )
        assert (ROOT / alert["annotations"]["runbook_url"]).is_file()
        publish(settings, predictions(6, 4, with_age=True))
        until(lambda: alertmanager.alerts() == [], running)
        assert worker.poll() is None, running.logs()
