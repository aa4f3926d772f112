"""The minimal rights that each component needs on a Kafka with ACLs."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import FLOWS, SOURCES, Flow, TopicName, read_by, written_by
from watchkeeper.streams.topics.topics import TOPICS, topic_name

__all__ = ["COMPONENTS", "Component", "Resource", "Right", "rights"]

Component = Literal["worker", "publisher", "canary", "operator", "admin"]
"""A program or role with its own Kafka user."""
COMPONENTS: dict[Component, str] = {
    "worker": "watchkeeper worker",
    "publisher": "a service that publishes its events",
    "canary": "watchkeeper canary",
    "operator": "watchkeeper apply, reference, rejected",
    "admin": "watchkeeper topics create, doctor",
}
"""The commands or programs of each component, as the reference lists them."""
Resource = Literal["topic", "group", "transactional-id", "cluster"]
"""A kind of resource that Kafka protects with ACLs."""
Operation = Literal["Read", "Write", "Describe", "Create", "DescribeConfigs"]

_CONFIGURATION: tuple[TopicName, ...] = ("monitors", "references")
_READ: dict[Component, tuple[TopicName, ...]] = {
    "worker": (*_CONFIGURATION, "checkpoints"),
    "publisher": (),
    "canary": ("alerts", *_CONFIGURATION),
    "operator": (*SOURCES, *_CONFIGURATION, "rejected", "checkpoints"),
    "admin": tuple(TOPICS),
}
"""The topics that each component reads. A worker also reads those of its stages."""
_WRITE: dict[Component, tuple[TopicName, ...]] = {
    "worker": ("checkpoints",),
    "publisher": SOURCES,
    "canary": ("predictions", *_CONFIGURATION),
    "operator": (*SOURCES, *_CONFIGURATION, "rejected"),
    "admin": (),
}
"""The topics that each component writes. A worker also writes those of its stages."""


class Right(NamedTuple):
    """One operation on one resource; with `prefixed`, on all resources whose names start with `name`."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def __str__(self) -> str:
        """Return the right as text, such as `Read on topic labels`."""
        what = f"{self.resource} {self.name}{'*' if self.prefixed else ''}"
        return f"{self.operation} on {what}"


def rights(settings: Settings, component: Component, flows: Sequence[Flow] = FLOWS) -> list[Right]:
    """Return exactly the rights that a component needs. Read and Write include Describe.

    Args:
        settings: They give the prefix of topics and the name of the installation.
        component: The component.
        flows: The stages that a worker runs.

    >>> [str(right) for right in rights(Settings(topic_prefix="ml."), "publisher")]
    ['Write on topic ml.predictions', 'Write on topic ml.labels', 'Write on topic ml.features']
    """
    staged = flows if component == "worker" else ()
    reads = [*read_by(staged), *_READ[component]]
    writes = [*written_by(staged), *_WRITE[component]]
    return list(_rights(settings, component, reads, writes))


def _rights(
    settings: Settings, component: Component, reads: list[TopicName], writes: list[TopicName]
) -> Iterator[Right]:
    for name in reads:
        yield Right("topic", topic_name(settings, name), "Read")
    for name in writes:
        yield Right("topic", topic_name(settings, name), "Write")
    if component == "publisher":
        return
    for group in _groups(settings, component):
        yield Right("group", group, "Read")
    if component == "operator" and settings.topic_prefix:  # it tells how many workers run
        yield Right("group", settings.topic_prefix + settings.application, "Describe")
    if component in ("worker", "operator"):
        yield Right(
            "transactional-id", f"{settings.topic_prefix}{settings.application}-", "Write", prefixed=True
        )
    rest = [name for name in TOPICS if name not in {*reads, *writes}]
    for operation, names in _inspected(component, rest).items():
        for name in names:
            yield Right("topic", topic_name(settings, name), operation)


def _groups(settings: Settings, component: Component) -> list[str]:
    """Return the consumer groups: that of the workers, and that of clients that commit nothing."""
    looks = component in ("worker", "admin")  # `watchkeeper doctor` looks at the group of the workers
    own = [settings.topic_prefix + settings.application] if looks else []
    return list(dict.fromkeys([settings.application, *own]))


def _inspected(component: Component, rest: list[TopicName]) -> dict[Operation, list[TopicName]]:
    """Return the operations other than Read and Write. Most components check that all topics exist."""
    if component == "admin":
        return {"Create": list(TOPICS), "DescribeConfigs": list(TOPICS), "Describe": rest}
    return {"Describe": rest} if component in ("worker", "canary") else {}
