"""Who needs which right at a Kafka that asks: least privilege for each component, as ACLs."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import TOPICS, topic_name

__all__ = ["COMPONENTS", "Component", "Resource", "Right", "rights"]

Component = Literal["worker", "publisher", "canary", "operator", "admin"]
COMPONENTS: dict[Component, str] = {
    "worker": "watchkeeper worker",
    "publisher": "a service that publishes its events",
    "canary": "watchkeeper canary",
    "operator": "watchkeeper apply, reference, rejected",
    "admin": "watchkeeper topics create, doctor",
}
Resource = Literal["topic", "group", "transactional-id", "cluster"]
Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs"]

_SOURCES = ("predictions", "labels", "features")
_CONFIGURATION = ("monitors", "references")
_READ: dict[Component, tuple[str, ...]] = {
    "worker": (*_SOURCES, "profiles", "findings", "alerts", *_CONFIGURATION, "checkpoints"),
    "publisher": (),
    "canary": ("alerts", *_CONFIGURATION),
    "operator": (*_SOURCES, *_CONFIGURATION, "rejected"),
    "admin": _CONFIGURATION,
}
_WRITE: dict[Component, tuple[str, ...]] = {
    "worker": ("profiles", "statistics", "findings", "alerts", "retraining", "rejected", "checkpoints"),
    "publisher": _SOURCES,
    "canary": ("predictions", *_CONFIGURATION),
    "operator": (*_SOURCES, *_CONFIGURATION, "rejected"),
    "admin": (),
}


class Right(NamedTuple):
    """One operation on one resource; `prefixed` where all names that begin so are meant."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def __str__(self) -> str:
        """Say it in words."""
        what = f"{self.resource} {self.name}{'*' if self.prefixed else ''}"
        return f"{self.operation} on {what}"


def rights(settings: Settings, component: Component) -> list[Right]:
    """Return what a component needs, and no more. Read and Write bring Describe with them.

    >>> [str(right) for right in rights(Settings(topic_prefix="ml."), "publisher")]
    ['Write on topic ml.predictions', 'Write on topic ml.labels', 'Write on topic ml.features']
    """
    return list(_rights(settings, component))


def _rights(settings: Settings, component: Component) -> Iterator[Right]:
    for name in _READ[component]:
        yield Right("topic", topic_name(settings, name), "Read")
    for name in _WRITE[component]:
        yield Right("topic", topic_name(settings, name), "Write")
    if component == "publisher":
        return
    for group in _groups(settings, component):
        yield Right("group", group, "Read")
    if component in ("worker", "operator"):
        yield Right(
            "transactional-id", f"{settings.topic_prefix}{settings.application}-", "Write", prefixed=True
        )
    for operation, names in _seen(component).items():
        for name in names:
            yield Right("topic", topic_name(settings, name), operation)


def _groups(settings: Settings, component: Component) -> list[str]:
    """Name the group of the workers, and the one that librdkafka names where nothing is committed."""
    own = [settings.topic_prefix + settings.application] if component == "worker" else []
    return list(dict.fromkeys([settings.application, *own]))


def _seen(component: Component) -> dict[Operation, list[str]]:
    """Return what is done with topics besides reading and writing: most look whether all are there."""
    if component == "admin":
        return {"Create": list(TOPICS), "DescribeConfigs": list(TOPICS), "Describe": _rest(component)}
    return {"Describe": _rest(component)} if component in ("worker", "canary") else {}


def _rest(component: Component) -> list[str]:
    return [name for name in TOPICS if name not in {*_READ[component], *_WRITE[component]}]
