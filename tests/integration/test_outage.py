"""The broker stops and returns while a worker folds. Then it stops for good, and the worker ends."""

import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import KafkaFromJars, Unavailable
from tests.integration.running import Workers, apply, publish, wait_for_rows
from tests.integration.scene import LABEL_AFTER, MONITOR, events
from tests.integration.test_page import until
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import create_topics

ROWS = 6000
GARBAGE = len(range(0, ROWS, 97))
LABELS = ROWS - LABEL_AFTER
ORPHANS = len(range(0, LABELS, 97))


@pytest.fixture
def kafka() -> Iterator[KafkaFromJars]:
    try:
        with KafkaFromJars() as running:
            yield running
    except Unavailable as error:
        pytest.skip(str(error))


def ask(log: Path, page: str) -> dict[str, Any]:
    """Return a page of a worker; empty while it does not answer."""
    found = re.search(r"metrics at (http://\S+)/metrics", log.read_text())
    if found is None:
        return {}
    try:
        with urllib.request.urlopen(f"{found[1]}/{page}", timeout=5) as answer:  # noqa: S310
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))


def test_a_worker_outlives_its_broker_and_stops_without_it(kafka: KafkaFromJars, tmp_path: Path) -> None:
    settings = Settings(broker=kafka.address, application="outage", web_port=0)
    create_topics(settings)
    apply(settings, MONITOR)
    everything = list(events(ROWS))
    log = tmp_path / "worker-0.log"
    # Publishers lost the connection too. They may reconnect some seconds after the workers.
    with Workers(settings, tmp_path, WATCHKEEPER_IDLE_SECONDS="6") as running:
        [worker] = running.start()
        publish(settings, everything[: ROWS // 2])
        until(lambda: bool(ask(log, "ready").get("ok")), running)
        kafka.stop()
        # Longer than the idle time of a partition. The outage must not close any window.
        until(lambda: ask(log, "ready").get("broker_silence_seconds", 0) > 10, running)
        assert ask(log, "live")["ok"]
        kafka.start()
        publish(settings, everything[ROWS // 2 :])
        wait_for_rows(settings, running, {"predictions": ROWS - GARBAGE, "labels": LABELS - ORPHANS})
        assert len(log.read_text().splitlines()) < 200
        kafka.stop()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, running.logs()
        assert "SIGTERM: stopping" in log.read_text()
