"""The registry follows monitors and references, survives broken records, and changes as a whole."""

import logging
import time
from collections.abc import Callable

import numpy as np
import pytest

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Reference
from watchkeeper.streams.config.registry import Registry, Watched
from watchkeeper.streams.config.state import Configuration, reference_key
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name


def monitor(view: str = "weather", **more: object) -> Monitor:
    features = {"temp": {"type": "number"}}
    document = {"feature_view": view, "owner": {"team": "ops"}, "features": features, **more}
    return Monitor.model_validate(document)


def reference(view: str = "weather", version: str | None = None, scale: float = 1.0) -> Reference:
    columns = Columns(100, scale * np.arange(100.0)[None, :], [])
    return build_reference(monitor(view), columns, {}, version=version, built_at_ms=0)


def monitor_record(given: Monitor) -> tuple[str, bytes, bytes]:
    return "monitors", given.subject.encode(), given.model_dump_json().encode()


def reference_record(given: Reference) -> tuple[str, bytes, bytes]:
    return "references", reference_key(given.subject, given.version).encode(), given.encode()


BROKEN = {
    "no JSON": ("monitors", b"weather", b"{"),
    "another key": ("monitors", b"climate", monitor_record(monitor())[2]),
    "no key": ("monitors", None, monitor_record(monitor())[2]),
    "a key that is no text": ("monitors", b"\xff\xfe", b"{}"),
    "a monitor of the future": ("monitors", b"weather", b'{"feature_view": "weather", "crystal_ball": true}'),
    "empty": ("monitors", b"weather", b""),
    "no reference": ("references", b"weather", b"\x00garbage"),
    "reference of another": ("references", b"climate", reference().encode()),
    "reference of a version": ("references", b"weather", reference(version="2").encode()),
    "a cut reference": ("references", b"weather", reference().encode()[:-20]),
}


def test_a_monitor_is_known_from_its_record_until_its_tombstone() -> None:
    configuration = Configuration()
    assert configuration.learn(*monitor_record(monitor())) == {"weather"}
    assert configuration.watched("weather") == Timeline(Watched(monitor(), {}))
    assert configuration.learn(*monitor_record(monitor())) == set()
    assert configuration.learn("monitors", b"weather", None) == {"weather"}
    assert configuration.watched("weather") is None
    assert configuration.learn("monitors", b"weather", None) == set()


def test_references_come_before_or_after_their_monitor_and_by_version() -> None:
    configuration = Configuration()
    assert configuration.learn(*reference_record(reference())) == {"weather"}
    assert configuration.unwatched() == ["weather"]
    configuration.learn(*monitor_record(monitor()))
    configuration.learn(*reference_record(reference(version="2/b")))
    assert configuration.unwatched() == []
    watched = configuration.watched("weather")
    assert watched is not None
    assert set(watched.latest.references) == {None, "2/b"}
    assert configuration.learn("references", b"weather/2/b", None) == {"weather"}
    assert configuration.references("weather") == {None: reference()}


@pytest.mark.parametrize("record", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_counted_and_logged_and_changes_nothing(
    record: tuple[str, bytes | None, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    configuration = Configuration()
    configuration.learn(*monitor_record(monitor()))
    before = configuration.watched("weather")
    assert configuration.learn(*record) == set()
    assert configuration.ignored == 1
    assert len(configuration.broken) == 1
    assert caplog.records[0].levelno == logging.ERROR
    assert "\n" not in caplog.records[0].getMessage()
    assert configuration.watched("weather") == before


def test_a_record_that_is_corrected_is_not_broken_any_more() -> None:
    configuration = Configuration()
    configuration.learn("monitors", b"weather", b"{")
    assert list(configuration.broken) == ["monitors/weather"]
    configuration.learn(*monitor_record(monitor()))
    assert configuration.broken == {}


def test_a_version_without_a_reference_falls_back_to_the_one_for_all() -> None:
    watched = Watched(monitor(), {None: reference(), "2": reference(version="2", scale=5.0)})
    assert watched.reference("1") == watched.reference(None) == reference()
    assert watched.reference("2") == reference(version="2", scale=5.0)
    assert watched.layout("2").id != watched.layout("1").id
    assert Watched(monitor()).reference("1") is None


def test_a_layout_is_made_once_for_all_versions_that_share_a_reference() -> None:
    watched = Watched(monitor(), {None: reference(), "2": reference(version="2")})
    assert watched.layout("1") is watched.layout("7") is watched.layout(None)
    assert watched.layout("2") is watched.layout("2")
    assert watched.layout("2") is not watched.layout("1")


def test_a_fixed_registry_is_ready_at_once() -> None:
    registry = Registry.fixed({"weather": Watched(monitor())})
    assert registry.ready.is_set()
    assert registry.subjects() == ["weather"]
    assert registry.get("weather") == Timeline(Watched(monitor()))
    assert registry.get("climate") is None


def send(settings: Settings, *records: tuple[str, bytes | None, bytes | None]) -> None:
    sender = producer(settings)
    for topic, key, value in records:
        sender.produce(topic_name(settings, topic), value, key)
    assert sender.flush(10) == 0


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_it_reads_the_past_then_follows_and_keeps_what_did_not_change(settings: Settings) -> None:
    # Ten old monitors first: a registry that showed the past half read would have other generations.
    old = [monitor_record(monitor(sensitivity={"psi": 1.0 + i})) for i in range(10)]
    send(
        settings, *old, monitor_record(monitor()), monitor_record(monitor("b")), reference_record(reference())
    )
    registry = Registry(settings)
    registry.start()
    try:
        assert registry.ready.wait(20)
        assert (registry.subjects(), registry.generation) == (["b", "weather"], 1)
        assert registry.get("weather") == Timeline(Watched(monitor(), {None: reference()}))
        untouched = registry.get("b")
        keyed = [record for record in BROKEN.values() if record[1]]  # Kafka compacts nothing without a key
        send(settings, *keyed, reference_record(reference(version="2")))
        wait_until(lambda: registry.generation == 2 and registry.ignored == len(keyed))
        assert set(registry.broken) >= {"monitors/climate", "references/climate"}
        assert registry.get("weather") == Timeline(
            Watched(monitor(), {None: reference(), "2": reference(version="2")})
        )
        send(settings, ("monitors", b"weather", None))
        wait_until(lambda: registry.subjects() == ["b"])
        assert registry.get("b") is untouched
    finally:
        registry.stop()
    assert registry.subjects() == ["b"]


def test_with_empty_topics_it_is_ready_and_knows_nothing(settings: Settings) -> None:
    registry = Registry(settings)
    registry.start()
    try:
        assert registry.ready.wait(20)
        assert (registry.subjects(), registry.generation) == ([], 0)
    finally:
        registry.stop()


def test_without_a_broker_it_goes_on_trying_and_stops_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry(Settings(broker="127.0.0.1:1"))
    registry._follow = lambda: 1 / 0  # type: ignore[method-assign,assignment]
    registry.start()
    wait_until(lambda: "trying again: division by zero" in caplog.text)
    assert not registry.ready.is_set()
    registry.stop()
