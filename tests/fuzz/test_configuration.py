"""Records of `monitors` and `references` are applied completely or not at all."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import HUGE, broken_json, broken_msgpack
from tests.upgrades import golden
from watchkeeper.schemas.revisions import MonitorRecord, ReferenceRecord
from watchkeeper.streams.config.state import Configuration

RECORDS = golden.configuration()
PLAIN_MONITOR = next(value for topic, key, value in RECORDS if key == b"risk" and topic == "monitors")
PLAIN_REFERENCE = next(value for topic, _, value in RECORDS if topic == "references")
MONITOR = MonitorRecord.decode(PLAIN_MONITOR).encode()
REFERENCE = ReferenceRecord.decode(PLAIN_REFERENCE).encode()
SEEN: Counter[str] = Counter()

changed = st.one_of(
    st.tuples(st.just("monitors"), broken_json(msgspec.json.decode(MONITOR))),
    st.tuples(st.just("monitors"), broken_json(msgspec.json.decode(PLAIN_MONITOR))),
    st.tuples(st.just("references"), broken_msgpack(REFERENCE)),
    st.tuples(st.just("references"), broken_msgpack(PLAIN_REFERENCE)),
    st.sampled_from([("monitors", MONITOR), ("references", REFERENCE)]),
)


def _in_force() -> Configuration:
    configuration = Configuration()
    for topic, key, value in RECORDS:
        configuration.learn(topic, key, value)
    assert configuration.ignored == 0
    return configuration


@given(changed)
def test_a_record_is_used_whole_or_what_was_in_force_stays(given: tuple[str, bytes]) -> None:
    topic, value = given
    configuration = _in_force()
    before = configuration.watched("risk")
    configuration.learn(topic, b"risk", value)
    after = configuration.watched("risk")
    assert after is not None
    if configuration.ignored:
        assert after == before
        assert configuration.broken
        SEEN["ignored"] += 1
        return
    SEEN["used"] += 1
    for each in after.history:  # rows can be counted with every revision
        each.layout("1")
        each.layout(None)


def test_that_was_not_vacuous() -> None:
    if not SEEN:
        pytest.skip("the other tests of this file did not run")
    assert min(SEEN["used"], SEEN["ignored"]) > 5


@pytest.mark.parametrize("topic", ["monitors", "references"])
def test_a_newer_format_is_ignored_and_reported(topic: str, caplog: pytest.LogCaptureFixture) -> None:
    configuration = _in_force()
    before = configuration.watched("risk")
    newer: dict[str, Any] = {"format": 99, "revisions": "otherwise"}
    encode = msgspec.json.encode if topic == "monitors" else msgspec.msgpack.encode
    configuration.learn(topic, b"risk", encode(newer))
    assert configuration.watched("risk") == before
    assert configuration.ignored == 1
    assert "format" in configuration.broken[f"{topic}/risk"]
    assert "is ignored" in caplog.text


@pytest.mark.parametrize("head", HUGE)
def test_a_reference_that_promises_too_much_is_ignored(head: bytes) -> None:
    configuration = _in_force()
    configuration.learn("references", b"risk", b"\x82\xa6format\x01\xa9revisions" + head)
    assert configuration.ignored == 1
