"""The publisher never blocks, never raises and never grows, whatever it is given and the broker does."""

import inspect
import json
import logging
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

import watchkeeper_client as client
from watchkeeper_client import Publisher

NOBODY = "127.0.0.1:1"  # nothing listens on this port


@pytest.fixture
def publisher() -> Publisher:
    return Publisher(NOBODY, message_timeout_ms=100, linger_ms=0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"broker": ""}, "broker must be HOST:PORT, got ''"),
        ({"broker": NOBODY, "no_such_setting": 1}, 'No such configuration property: "no.such.setting"'),
        ({"broker": NOBODY, "linger_ms": "soon"}, "Invalid value for configuration property"),
        ({"broker": NOBODY, "security_protocol": "TELEPATHY"}, "security.protocol"),
    ],
)
def test_only_the_constructor_raises_and_says_why(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace(".", r"\.")):
        Publisher(**arguments)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("predict", {"model": "", "features": {"x": 1}, "score": 0.5}),
        ("predict", {"model": None, "features": {"x": 1}, "score": 0.5}),
        ("predict", {"model": "m", "features": {}, "score": 0.5}),
        ("predict", {"model": "m", "features": [1, 2], "score": 0.5}),
        ("predict", {"model": "m", "features": {"x": 1}}),
        ("predict", {"model": "m", "features": {"x": object()}, "score": 0.5}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": 0.5, "prediction_id": 7}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": 0.5, "event_time": datetime(2026, 1, 1)}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": 0.5, "event_time": "yesterday"}),
        ("predict", {"model": "m", "features": {"x": "\ud800"}, "score": 0.5}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": 1.5}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": True}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": "0.5"}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": float("nan")}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": 0.5, "model_version": 2}),
        ("predict", {"model": "m", "features": {"x": 1}, "score": 0.5, "trace_id": b"t"}),
        ("label", {"prediction_id": "p", "label": "fraud"}),
        ("label", {"prediction_id": "p", "label": None}),
        ("label", {"prediction_id": "p", "label": float("inf")}),
        ("label", {"prediction_id": "p", "label": True, "model": 7}),
        ("label", {"prediction_id": "", "label": True}),
        ("label", {"prediction_id": "p", "label": {1, 2}.__iter__()}),
        ("feature", {"feature_view": "weather", "features": {}}),
        ("feature", {"feature_view": "weather", "features": {"x": 1}, "entity_id": 3}),
    ],
)
def test_an_invalid_event_is_dropped_counted_and_logged(
    publisher: Publisher, caplog: pytest.LogCaptureFixture, method: str, arguments: dict[str, Any]
) -> None:
    getattr(publisher, method)(**arguments)
    assert publisher.counts() == client.PublisherCounts(dropped_invalid=1)
    assert "an event is dropped because it is not valid" in caplog.text


def test_a_full_queue_drops_counts_and_does_not_wait() -> None:
    publisher = Publisher(NOBODY, queue_buffering_max_messages=10)
    for _ in range(1000):
        publisher.predict("m", {"x": 1.0}, score=0.5)
    counts = publisher.counts()
    assert counts.queued == 10
    assert counts.dropped_queue_full == 990


def test_many_drops_make_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    publisher = Publisher(NOBODY, queue_buffering_max_messages=10)
    with caplog.at_level(logging.WARNING, logger="watchkeeper_client.publisher"):
        for _ in range(100):
            publisher.label("p", True)
    assert caplog.text.count("the queue is full") == 1


def test_an_event_that_never_arrives_is_counted_as_failed(publisher: Publisher) -> None:
    publisher.label("p-1", True)
    assert publisher.flush(10) == 0
    assert publisher.counts() == client.PublisherCounts(queued=1, failed=1)


def test_flushing_gives_up_after_its_timeout_and_says_how_many_wait() -> None:
    publisher = Publisher(NOBODY)
    publisher.label("p-1", True)
    publisher.feature("weather", {"temp": 1.0})
    assert publisher.flush(0.05) == 2


def test_a_prediction_without_an_id_is_given_one_that_its_label_can_name(publisher: Publisher) -> None:
    ids = {publisher.predict("m", {"x": 1.0}, score=0.5) for _ in range(100)}
    assert len(ids) == 100
    assert publisher.predict("m", {"x": 1.0}, score=0.5, prediction_id="mine") == "mine"


def test_the_environment_of_a_publisher_is_that_of_all_its_events() -> None:
    sent: list[client.events.EventRecord] = []
    publisher = Publisher(NOBODY, environment="staging")
    publisher._send = sent.append  # type: ignore[method-assign]
    publisher.predict("m", {"x": 1.0}, score=0.5, prediction_id="p")
    publisher.label("p", True)
    publisher.feature("weather", {"temp": 1.0})
    publisher.predict("m", {"x": 1.0}, score=0.5, environment="shadow")
    named = [json.loads(event.value)["environment"] for event in sent]
    assert named == ["staging", "staging", "staging", "shadow"]


def test_leaving_the_context_flushes() -> None:
    with Publisher(NOBODY, message_timeout_ms=100) as publisher:
        publisher.label("p-1", True)
    assert publisher.counts().failed == 1


FORKING = f"""
import os, sys
from watchkeeper_client import Publisher, PublisherCounts
publisher = Publisher("{NOBODY}", message_timeout_ms=100)
publisher.label("before", True)
child = os.fork()
publisher.label("after", True)
assert publisher.flush(10) == 0
expected = PublisherCounts(queued=1, failed=1) if child == 0 else PublisherCounts(queued=2, failed=2)
assert publisher.counts() == expected, publisher.counts()
sys.exit(os.waitpid(child, 0)[1] if child else 0)
"""


def test_a_publisher_works_and_ends_on_both_sides_of_a_fork() -> None:
    ended = subprocess.run([sys.executable, "-c", FORKING], check=False, timeout=60, stderr=subprocess.PIPE)
    assert ended.returncode == 0, ended.stderr.decode()


def test_it_needs_nothing_of_ours() -> None:
    modules = "streams", "detectors", "alerting", "schemas", "pydantic", "numpy"
    program = f"import client, sys; sys.exit(any(name in sys.modules for name in {modules!r}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_every_public_call_says_what_it_does() -> None:
    assert sorted(client.__all__) == client.__all__
    for name, member in inspect.getmembers(Publisher, inspect.isfunction):
        assert name.startswith("_") or member.__doc__, name
