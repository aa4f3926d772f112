"""A worker that hangs in its first join says so: at /live, /ready and /metrics, and in doctor."""

import json
import re
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from confluent_kafka import Consumer

from tests.integration.running import Workers
from tests.integration.test_doctor import doctor, says
from tests.integration.test_page import until
from watchkeeper.streams.kafka.client import describe
from watchkeeper.streams.kafka.embedded import CLUSTER_ID
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name


def get(address: str, path: str) -> str:
    """Return what a worker answers, with any status. It must answer within a second or so."""
    try:
        with urlopen(address + path, timeout=5) as answer:  # noqa: S310
            return str(answer.read().decode())
    except HTTPError as error:
        return error.read().decode()


def test_a_worker_that_hangs_in_joining_answers_and_says_so(settings: Settings, tmp_path: Path) -> None:
    if describe(settings).cluster_id == CLUSTER_ID:
        pytest.skip("the embedded broker takes members that can't agree on an assignor")
    group = settings.topic_prefix + settings.application
    # A member with another assignor: Kafka takes no worker in as long as it is there.
    foreign = Consumer({**settings.client_config(), "group.id": group})
    foreign.subscribe([topic_name(settings, "labels")])
    deadline = time.monotonic() + 60
    while not foreign.assignment():
        assert time.monotonic() < deadline
        foreign.poll(0.2)
    try:
        with Workers(settings, tmp_path) as running:
            running.start()
            until(lambda: "joining the group" in running.logs(), running)
            [address] = re.findall(r"metrics at (http\S+)/metrics", running.logs())

            def waits() -> bool:
                foreign.poll(0.1)
                return float(json.loads(get(address, "/ready"))["waits_seconds"]) > 3

            until(waits, running)
            ready, live = json.loads(get(address, "/ready")), json.loads(get(address, "/live"))
            assert (ready["ok"], live["ok"]) == (False, True)  # it is not for long enough yet
            assert "(joining)" in ready["waits_for"]
            [joining] = re.findall(r"(?m)^watchkeeper_joining_seconds (\S+)", get(address, "/metrics"))
            assert float(joining) > 3
            assert says(doctor(settings), "no worker owns") == ["fail"]
    finally:
        foreign.close()
