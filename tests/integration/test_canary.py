"""The probe with real workers and a real Alertmanager: its drift is detected, or missed and reported."""

import json
import re
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.alertmanager import RealAlertmanager, installed_alertmanager
from tests.integration.running import Workers
from tests.streams.cli.cli_runs import run
from watchkeeper.streams.cli.current import read_configuration
from watchkeeper.streams.settings import Settings

STAGES = ("ingest", "evaluate", "page", "notify")
FAST = ("canary", "--once", "--pane", "PT1S", "--json")


def canary(settings: Settings, alertmanager: RealAlertmanager, *more: str) -> tuple[int, dict[str, object]]:
    """Run one round. Return its exit code and output."""
    done = run(
        *FAST,
        *more,
        *("--broker", settings.broker, "--topic-prefix", settings.topic_prefix),
        *("--alertmanager", alertmanager.url),
        WATCHKEEPER_APPLICATION=settings.application,
        WATCHKEEPER_PARTITIONS=str(settings.partitions),
    )
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def saved(workers: Workers) -> set[tuple[str, str]]:
    """Return the stages and partitions of the worker that have saved everything at least once."""
    address = re.findall(r"metrics at (http\S+)", workers.logs())[0]
    with urlopen(address) as answer:  # noqa: S310
        families = text_string_to_metric_families(answer.read().decode())
    return {
        (sample.labels["stage"], sample.labels["partition"])
        for family in families
        for sample in family.samples
        if sample.name == "watchkeeper_checkpoint_last_timestamp_seconds"
    }


def test_drift_is_detected_from_end_to_end(settings: Settings, tmp_path: Path) -> None:
    with (
        installed_alertmanager(tmp_path) as alertmanager,
        Workers(settings, tmp_path, WATCHKEEPER_ALERTMANAGERS=alertmanager.url) as running,
    ):
        running.start()
        code, result = canary(settings, alertmanager, "--within", "PT60S")
        assert (code, result["outcome"]) == (0, "detected"), f"{result}\n{running.logs()}"
        assert result["seen_after_seconds"].keys() == {"topic", "alertmanager"}
        assert alertmanager.alerts() == []
        assert saved(running) == {(stage, str(n)) for stage in STAGES for n in range(settings.partitions)}
    assert read_configuration(settings).subjects() == [], "one round leaves nothing in force"


def test_without_a_worker_the_drift_is_missed_and_reported(settings: Settings, tmp_path: Path) -> None:
    with installed_alertmanager(tmp_path) as alertmanager:
        code, result = canary(settings, alertmanager, "--within", "PT4S", "--team", "night-shift")
        assert (code, result["outcome"]) == (1, "missed")
        assert result["why"] == (
            "the drift raised no alert on the topic alerts and in Alertmanager, after 4 seconds"
        )
        [alert] = alertmanager.alerts()
        assert (alert["labels"]["alertname"], alert["labels"]["team"]) == ("CanaryMissed", "night-shift")
        assert alert["annotations"]["runbook_url"] == "docs/runbooks/CanaryMissed.md"
