"""Nulls of staging page staging, not production; with a real worker."""

import json
import time
from pathlib import Path
from typing import Any

from tests.integration.running import Workers, apply, publish, statistics, values, wait_for_rows
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.settings import Settings

WINDOW_MS = 60_000
WINDOWS = 8
PER_WINDOW = 200
PRODUCTION = Monitor.model_validate(
    {
        "model": "fraud",
        "owner": {"team": "ml"},
        "task": "regression",
        "features": {"amount": {"type": "number"}},
        "windows": {"pane": "PT1M", "size": "PT1M", "lateness": "PT0S"},
    }
)
STAGING = PRODUCTION.model_copy(update={"environment": "staging"})


def event(environment: str | None, n: int, first_ms: int) -> tuple[str, str, bytes]:
    at_ms = first_ms + n * WINDOW_MS // PER_WINDOW
    broken = environment == "staging" and n >= WINDOWS // 2 * PER_WINDOW
    key = f"{environment}-{n}"
    document: dict[str, Any] = {
        "prediction_id": key,
        "model": "fraud",
        "event_time": at_ms,
        "features": {"amount": None if broken else float(n % 17)},
        "prediction": {"value": float(n % 5)},
    }
    return (
        "predictions",
        key,
        json.dumps(document | ({"environment": environment} if environment else {})).encode(),
    )


def alerts(settings: Settings) -> list[dict[str, str]]:
    """Return the labels of all alerts about nulls."""
    every = [json.loads(value)["labels"] for value in values(settings, "alerts")]
    return [labels for labels in every if labels["alertname"] == "FeatureMissing"]


def test_nulls_of_staging_page_staging_alone(settings: Settings, tmp_path: Path) -> None:
    first_ms = (time.time_ns() // 1_000_000 // WINDOW_MS - WINDOWS - 1) * WINDOW_MS
    count = WINDOWS * PER_WINDOW
    events = [event(name, n, first_ms) for n in range(count) for name in (None, "staging", "qa")]
    apply(settings, PRODUCTION, STAGING)
    with Workers(settings, tmp_path) as workers:
        workers.start()
        publish(settings, events)
        found = wait_for_rows(settings, workers, {"predictions": 2 * count})
        rows = {subject: 0 for subject, *_ in found}
        for (subject, *_), window in found.items():
            rows[subject] += window["rows"]
        assert rows == {"fraud": count, "fraud@staging": count}
        deadline = time.monotonic() + 60
        while not alerts(settings):
            assert time.monotonic() < deadline, workers.logs()
            time.sleep(0.5)
    assert {(each["model"], each["environment"]) for each in alerts(settings)} == {("fraud", "staging")}
    missing = {
        (subject, each["value"] > 0)
        for (subject, *_), window in statistics(settings).items()
        for each in window["statistics"]
        if each["name"] == "missing_ratio" and each.get("feature") == "amount"
    }
    assert missing == {("fraud", False), ("fraud@staging", False), ("fraud@staging", True)}
