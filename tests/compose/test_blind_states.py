"""Each state in which a worker is blind becomes an alert: by the real Prometheus, at the real Alertmanager.

The files are those of compose/. Only waiting is left out: Prometheus asks each second, and rules have no
`for`; `rules.yml` tests how long they wait. The worker's metrics are the real ones, set to each state.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.compose.locally import Places, Program, alertmanager, need, prometheus, until
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.fold.protocol import Message
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.worker.web import Health, listen, serve_in_thread, web_app

pytestmark = pytest.mark.timeout(180)

BLIND = {
    "WorkersStuck",
    "BrokerSilent",
    "LagOld",
    "StatisticsStalled",
    "LateShareHigh",
    "EventsRejected",
    "LabelsEvicted",
    "AccountBroken",
    "ReadCoverageLow",
    "EventsUnwatched",
    "ConfigurationIgnored",
    "SeriesLimitReached",
    "CheckpointOld",
}
"""The alerts about a worker that runs, and sees less than was published."""
HOUR_SECONDS = 3600
PLACE, STUCK = ("ingest", "predictions", 0), ("ingest", "predictions", 1)


class BlindWorker:
    """The metrics of a worker, and the web server that shows them."""

    def __init__(self, port: int) -> None:
        self.now = 0.0
        self.metrics = Metrics(CollectorRegistry(), max_series=3, clock_seconds=lambda: self.now)
        self.waits, self.ignored = 0.0, 0
        self.metrics.follow_worker(lambda: self.waits, lambda: 0, lambda: self.waits)
        self.metrics.follow_configuration(lambda: self.ignored)
        app = web_app(self.metrics, lambda: Health(True, {}), lambda: Health(True, {}))
        serve_in_thread(app, listen("127.0.0.1", port))

    def work(self, rounds: int, now: float) -> None:
        """Be healthy, and young: everything is read and counted, and nothing was saved or written yet."""
        self.now = now
        self.metrics.observe_chunk(*PLACE, rows=100 * rounds, seconds=0.1, appended_ms=round(now * 1000))
        self.metrics.observe_lag(*PLACE, records=0)
        self.metrics.observe_events("predictions", 0, {"accepted": 100 * rounds, "late": 0, "rejected": 0})
        self.metrics.observe_labels(0, {"evicted": 0})
        self.metrics.observe_account_difference("predictions", 0, 0)
        self.metrics.observe_subjects(0, {"risk": 1.0}, lambda _: True)
        self._reject(0)
        self._show(1)

    def go_blind(self, rounds: int, now: float) -> None:
        """Get into all the states. What was saved, written and read last is an hour old."""
        self.waits, self.ignored = 600, 2
        self.now = now - HOUR_SECONDS
        self.metrics.observe_saved("ingest", 0)
        self.metrics.observe_window(
            0, WindowStatistics("risk", "1", None, "predictions", 0, 9000, 9, []), self.now
        )
        self.metrics.observe_chunk(*STUCK, rows=1, seconds=0.1, appended_ms=round(self.now * 1000))
        self.now = now
        self.metrics.observe_lag(*STUCK, records=400_000)
        many = 100 * rounds
        self.metrics.observe_events("predictions", 0, {"accepted": many, "late": many, "rejected": many})
        self.metrics.observe_labels(0, {"evicted": rounds})
        self.metrics.observe_account_difference("predictions", 0, -2)
        self.metrics.observe_subjects(0, {"risk": 0.2}, lambda _: True)
        self._reject(1000)
        self._show(5)

    def _reject(self, count: int) -> None:
        rejection = {"topic": "predictions", "reason": "unknown_model"}
        self.metrics._rejected.labels(*rejection.values()).inc(count)

    def _show(self, count: int) -> None:
        window = {"subject": "risk", "version": "1", "segment": "x=1", "kind": "predictions"}
        numbers = {"window_start_ms": 0, "window_end_ms": 9000, "rows": 9}
        statistics = [{"name": f"s{n}", "value": 1.0} for n in range(count)]
        value = json.dumps(window | numbers | {"statistics": statistics}).encode()
        self.metrics.observe_outputs("evaluate", 0, [Message("statistics", b"risk", value)])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[tuple[BlindWorker, Program, Program]]:
    need("prometheus")
    need("prometheus-alertmanager", "alertmanager")
    places = Places(tmp_path)
    places.write_secrets({})
    worker = BlindWorker(places.port("worker-1:6066"))
    copy = places.copy

    def hurried(name: str) -> Path:
        folder = copy(name)
        for path in folder.rglob("*.yml"):
            text = re.sub(r"(?m)^( +)for: .*$", r"\1for: 0s", path.read_text())
            path.write_text(re.sub(r"(scrape|evaluation)_(interval|timeout): \w+", r"\1_\2: 1s", text))
        return folder

    places.copy = hurried  # type: ignore[method-assign]
    with alertmanager(places) as alerts, prometheus(places) as prom:
        yield worker, prom, alerts


def names(alerts: Program) -> set[str]:
    """Return the alerts that are at Alertmanager now."""
    found: list[dict[str, Any]] = json.loads(alerts.get("/api/v2/alerts?active=true"))
    return {each["labels"]["alertname"] for each in found}


def scraped(prom: Program) -> bool:
    answer = json.loads(prom.get("/api/v1/query?query=watchkeeper_joining_seconds"))
    return bool(answer["data"]["result"])


def test_a_worker_that_is_blind_is_told_of_at_alertmanager(
    stack: tuple[BlindWorker, Program, Program],
) -> None:
    worker, prom, alerts = stack
    rounds = 0

    def healthy() -> bool:
        nonlocal rounds
        rounds += 1
        worker.work(rounds, time.time())
        return rounds > 10 and scraped(prom) and "WorkerDown" in names(alerts)  # that of the second worker

    until(healthy, 60, "Alertmanager hears of Prometheus")
    assert names(alerts) & BLIND == set()

    def blind() -> bool:
        nonlocal rounds
        rounds += 1
        worker.go_blind(rounds, time.time())
        return names(alerts) >= BLIND

    try:
        until(blind, 60)
    except AssertionError:
        assert BLIND - names(alerts) == set()
