"""The list of topics."""

import re

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, topic_name


def test_names_can_be_used_on_any_broker() -> None:
    assert all(re.fullmatch(r"[a-z]{1,20}", name) for name in TOPICS)


def test_inputs_of_one_worker_are_split_alike() -> None:
    joined = ("predictions", "labels", "features", "profiles", "findings", "alerts", "checkpoints")
    assert {TOPICS[name].partitions for name in joined} == {None}


def test_state_is_compacted_and_events_are_not() -> None:
    compacted = {name for name, topic in TOPICS.items() if topic.compacted}
    assert compacted == {"alerts", "monitors", "references", "checkpoints"}
    assert {TOPICS[name].config()["cleanup.policy"] for name in compacted} == {"compact"}
    assert TOPICS["labels"].config()["retention.ms"] == str(7 * 24 * 3600 * 1000)


def test_the_prefix_is_put_before_the_name() -> None:
    assert topic_name(Settings(topic_prefix="a."), "alerts") == "a.alerts"
