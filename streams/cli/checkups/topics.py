"""The checks of topics: they exist, with the right number of partitions, retention and timestamps."""

from collections.abc import Iterator

from confluent_kafka import KafkaException
from confluent_kafka.admin import ClusterMetadata, ConfigResource, ResourceType

from watchkeeper.streams.cli.checkups.checkup import Checkup
from watchkeeper.streams.kafka.client import admin_client
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, topic_name

__all__ = ["check_topics"]

_RESPONSE_SECONDS = 10
"""Time in seconds that the broker has to answer. Chosen by hand: shorter fails on a slow network."""
_TIMES, _BROKERS_TIME = "message.timestamp.type", "LogAppendTime"


def check_topics(settings: Settings, there: ClusterMetadata) -> Iterator[Checkup]:
    """Check that every topic exists, with the right number of partitions and the right retention."""
    names = {topic_name(settings, name): topic for name, topic in TOPICS.items()}
    configs = _configs(settings, [name for name in names if name in there.topics])
    healthy = 0
    missing = []
    for name, topic in names.items():
        problem = None
        wanted, config = topic.partitions or settings.partitions, configs.get(name, {})
        policy = topic.config()["cleanup.policy"]
        if name not in there.topics:
            missing.append(name)
            continue
        if (found := len(there.topics[name].partitions)) != wanted:
            problem = f"topic {name} has {found} partitions, not {wanted}; {_advice(found, wanted)}"
        elif config.get("cleanup.policy", policy) != policy:
            problem = f"topic {name} has cleanup.policy={config['cleanup.policy']}; change it to {policy}"
        if problem:
            yield Checkup("fail", problem)
        elif config.get(_TIMES, _BROKERS_TIME) != _BROKERS_TIME:
            yield Checkup("warn", f"topic {name} has {_TIMES}={config[_TIMES]}; change it to {_BROKERS_TIME}")
        else:
            healthy += 1
    if missing:
        names_missing = ", ".join(missing)
        yield Checkup("fail", f"topics that do not exist: {names_missing}; run: watchkeeper topics create")
    if healthy:
        yield Checkup("ok", f"{healthy} of {len(names)} topics are set up correctly")
    if not configs and names.keys() & there.topics.keys():
        yield Checkup("warn", "the broker does not report the configuration of topics; check it manually")


def _advice(found: int, wanted: int) -> str:
    if found < wanted:
        return f"set WATCHKEEPER_PARTITIONS={found}"
    return f"nobody reads partitions {wanted} to {found - 1}; see docs/runbooks/PartitionsUnread.md"


def _configs(settings: Settings, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the relevant configuration of each topic, as far as the broker reports it."""
    admin = admin_client(settings)
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=_RESPONSE_SECONDS)
    configs = {}
    for resource, answer in answers.items():
        try:
            config = answer.result()
        except KafkaException:
            continue
        configs[resource.name] = {
            name: str(config[name].value)
            for name in ("cleanup.policy", _TIMES)
            if config.get(name) is not None
        }
    return {name: found for name, found in configs.items() if found}
