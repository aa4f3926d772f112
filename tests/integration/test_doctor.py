"""The doctor looks at the work: before the first worker, while workers work, and after they have died."""

import json
from pathlib import Path
from typing import Any

from tests.integration.running import Workers, apply, publish
from tests.integration.test_page import MONITOR, predictions, until
from tests.streams.cli.cli_runs import run
from watchkeeper.streams.kafka.client import describe
from watchkeeper.streams.kafka.embedded import CLUSTER_ID
from watchkeeper.streams.settings import Settings


def doctor(settings: Settings) -> list[dict[str, Any]]:
    """Return the doctor's checkups. Its exit code must agree with them."""
    result = run(
        "doctor",
        "--json",
        WATCHKEEPER_BROKER=settings.broker,
        WATCHKEEPER_APPLICATION=settings.application,
        WATCHKEEPER_TOPIC_PREFIX=settings.topic_prefix,
        WATCHKEEPER_PARTITIONS=str(settings.partitions),
    )
    found: list[dict[str, Any]] = json.loads(result.stdout)
    assert result.exit_code == any(each["level"] == "fail" for each in found)
    return found


def says(found: list[dict[str, Any]], text: str) -> list[str]:
    """Return the levels of the checkups with a text."""
    return [each["level"] for each in found if text in each["what"]]


def test_the_doctor_looks_at_the_work(settings: Settings, tmp_path: Path) -> None:
    apply(settings, MONITOR)
    before = doctor(settings)
    assert [each for each in before if each["level"] == "fail"] == []
    assert says(before, "no worker has saved anything yet") == ["warn"]
    with Workers(settings, tmp_path) as running:
        running.start(2)
        running.wait_for_joined()
        publish(settings, predictions(0, 3, with_age=True))
        until(lambda: says(doctor(settings), "windows of 1 subjects") == ["ok"], running)
        until(lambda: says(doctor(settings), "lag: every topic is read to its end") == ["ok"], running)
        working = doctor(settings)
        assert [each for each in working if each["level"] == "fail"] == []
        assert says(working, "predictions: of 1800 events 1800 accepted") == ["ok"]
        assert says(working, "stable") == ["ok"]
        for number in range(2):
            running.kill(number)
        publish(settings, predictions(3, 1, with_age=True))
        assert says(doctor(settings), "predictions: 600 records wait") == ["ok"]
        if describe(settings).cluster_id != CLUSTER_ID:  # it does not tell who is a member
            gone = f"group {settings.topic_prefix}{settings.application}: no worker is a member, and"
            until(lambda: says(doctor(settings), gone) == ["fail"], running)
