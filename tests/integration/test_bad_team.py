"""A bad deploy of one team costs no other model anything; a page tells its owner, a replay recovers it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running import Workers, apply, publish, rejected, values, wait_for_rows
from tests.integration.scene import at
from tests.integration.test_page import until
from tests.streams.cli.cli_runs import run
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.settings import Settings

EVENTS = 4_000
"""More than the number of latest events that the share of rejected events is measured over."""


def monitor(model: str, team: str, task: str) -> Monitor:
    document = {
        "model": model,
        "owner": {"team": team},
        "task": task,
        "features": {"age": {"type": "number"}},
        "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT5M"},
    }
    return Monitor.model_validate(document)


def prediction(model: str, row: int) -> tuple[str, str, bytes]:
    """A score in percent: valid for a regression, invalid for a classifier."""
    event = {"prediction_id": f"{model}-{row}", "model": model, "event_time": at(row)}
    output = {"value": row % 70, "score": 50}
    value = json.dumps({**event, "features": {"age": row % 90}, "prediction": output}).encode()
    return "predictions", f"{model}-{row}", value


def test_a_bad_team_stops_nobody_and_its_owner_is_paged(settings: Settings, tmp_path: Path) -> None:
    apply(settings, monitor("good", "team-a", "regression"))
    apply(settings, monitor("risk", "team-b", "binary-classification"))
    with Workers(settings, tmp_path) as running:
        [worker] = running.start()
        publish(settings, [prediction("risk", row) for row in range(EVENTS)])
        publish(settings, [prediction("good", row) for row in range(EVENTS)])
        until(lambda: len(rejected(settings)) == EVENTS, running)
        assert f"{EVENTS} rejected" in listed(settings)
        until(lambda: alerts(settings), running)
        [alert] = alerts(settings)
        assert alert["labels"]["alertname"] == "RejectedShareHigh"
        assert (alert["labels"]["model"], alert["labels"]["team"]) == ("risk", "team-b")
        assert alert["pages"]
        assert "most of them as invalid_event. One is predictions/" in alert["annotations"]["description"]
        assert "watchkeeper rejected replay --model risk" in alert["annotations"]["action"]
        (window,) = wait_for_rows(settings, running, {"predictions": EVENTS}).values()
        assert window["subject"] == "good"
        assert worker.poll() is None, running.logs()
        assert "\x1b" not in running.logs()  # no control characters
        apply(settings, monitor("risk", "team-b", "regression"))
        assert replay(settings) == EVENTS
        counted = wait_for_rows(settings, running, {"predictions": 2 * EVENTS}).values()
    ages = {each["subject"]: mean(each, "age") for each in counted}
    assert ages == {name: pytest.approx(sum(row % 90 for row in range(EVENTS)) / EVENTS) for name in ages}
    assert ages.keys() == {"good", "risk"}


def alerts(settings: Settings) -> list[dict[str, Any]]:
    """The newest state of each alert."""
    found = (json.loads(value) for value in values(settings, "alerts"))
    return list({each["fingerprint"]: each for each in found}.values())


def mean(window: dict[str, Any], feature: str) -> float:
    """The mean of a feature in a window."""
    [value] = [
        each["value"]
        for each in window["statistics"]
        if (each["name"], each.get("feature")) == ("mean", feature)
    ]
    return float(value)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a command for these settings."""
    names = ("broker", "application", "topic_prefix")
    return {f"WATCHKEEPER_{name.upper()}": str(getattr(settings, name)) for name in names}


def listed(settings: Settings) -> str:
    """What `rejected list` prints."""
    return run("rejected", "list", **environment_of(settings)).output


def replay(settings: Settings) -> int:
    """Replay all. Return their number."""
    result = run("rejected", "replay", "--yes", "--json", **environment_of(settings))
    assert result.exit_code == 0, result.output
    return int(json.loads(result.stdout)["replayed"])
