"""What the doctor makes of what a broker says of its topics."""

from types import SimpleNamespace

import pytest

from watchkeeper.streams.cli import checkups
from watchkeeper.streams.cli.checkups import Checkup, check_topics
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS

THERE = SimpleNamespace(
    topics={t.name: SimpleNamespace(partitions=range(t.partitions or 4)) for t in TOPICS.values()}
)


def found(monkeypatch: pytest.MonkeyPatch, **changes: dict[str, str]) -> list[Checkup]:
    told = {topic.name: topic.config() for topic in TOPICS.values()}
    for name, change in changes.items():
        told[name] |= change
    monkeypatch.setattr(checkups, "_configs", lambda *_: told)
    return list(check_topics(Settings(partitions=4), THERE))  # type: ignore[arg-type]


def test_topics_as_they_are_created_are_well(monkeypatch):
    assert found(monkeypatch) == [Checkup("ok", "12 of 12 topics are as they should be")]


def test_a_topic_that_takes_its_producers_time_is_told(monkeypatch):
    assert found(monkeypatch, checkpoints={"message.timestamp.type": "CreateTime"}) == [
        Checkup(
            "warn", "topic checkpoints has message.timestamp.type=CreateTime; change it to LogAppendTime"
        ),
        Checkup("ok", "11 of 12 topics are as they should be"),
    ]


def test_a_topic_that_loses_what_it_must_keep_is_a_failure(monkeypatch):
    first = found(monkeypatch, checkpoints={"cleanup.policy": "delete"})[0]
    assert first == Checkup("fail", "topic checkpoints has cleanup.policy=delete; change it to compact")
