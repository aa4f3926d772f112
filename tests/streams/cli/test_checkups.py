"""The doctor's checks of the topics that a broker reports."""

from types import SimpleNamespace

import pytest

from watchkeeper.streams.cli.checkups import Checkup, check_topics
from watchkeeper.streams.cli.checkups import topics as module
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS

THERE = SimpleNamespace(
    topics={t.name: SimpleNamespace(partitions=range(t.partitions or 4)) for t in TOPICS.values()}
)


def found(monkeypatch: pytest.MonkeyPatch, **changes: dict[str, str]) -> list[Checkup]:
    configs = {topic.name: topic.config() for topic in TOPICS.values()}
    for name, change in changes.items():
        configs[name] |= change
    monkeypatch.setattr(module, "_configs", lambda *_: configs)
    return list(check_topics(Settings(partitions=4), THERE))  # type: ignore[arg-type]


def test_topics_are_set_up_correctly_when_created(monkeypatch):
    assert found(monkeypatch) == [Checkup("ok", "12 of 12 topics are set up correctly")]


def test_a_topic_with_times_of_producers_is_a_warning(monkeypatch):
    assert found(monkeypatch, checkpoints={"message.timestamp.type": "CreateTime"}) == [
        Checkup(
            "warn", "topic checkpoints has message.timestamp.type=CreateTime; change it to LogAppendTime"
        ),
        Checkup("ok", "11 of 12 topics are set up correctly"),
    ]


def test_a_topic_that_loses_what_it_must_keep_is_a_failure(monkeypatch):
    first = found(monkeypatch, checkpoints={"cleanup.policy": "delete"})[0]
    assert first == Checkup("fail", "topic checkpoints has cleanup.policy=delete; change it to compact")
