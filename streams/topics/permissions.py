"""Adds the ACLs of a component at the broker, and finds the rights that a user lacks."""

from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from watchkeeper.streams.kafka.client import BrokerError, admin_client, producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.access import Component, Right, rights

__all__ = ["give", "lacking"]

ANSWER_SECONDS = 10
"""Seconds to wait for an answer of the broker. Chosen by hand: a slow broker against a quick error."""
_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "Create": AclOperation.CREATE,
    "Alter": AclOperation.ALTER,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}


def give(settings: Settings, wanted: Sequence[Right], user: str) -> None:
    """Add ACLs for a user. Existing ACLs stay.

    Args:
        settings: They give the broker and the login of an administrator.
        wanted: The rights to add.
        user: The Kafka user, without `User:`.

    Raises:
        BrokerError: The broker rejects an ACL or does not answer.
    """
    admin = admin_client(settings)
    for binding, added in admin.create_acls([_binding(right, user) for right in wanted]).items():
        try:
            added.result(ANSWER_SECONDS)
        except (KafkaException, TimeoutError) as error:
            why = error.args[0].str() if isinstance(error, KafkaException) else "no answer"
            raise BrokerError(
                f"{settings.broker}: the ACL on {binding.name} could not be added ({why})"
            ) from None


def _binding(right: Right, user: str) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    what = _RESOURCES[right.resource], right.name, pattern
    return AclBinding(*what, f"User:{user}", "*", _OPERATIONS[right.operation], AclPermissionType.ALLOW)


def lacking(settings: Settings, component: Component) -> list[Right]:
    """Return the rights of a component that the user of the settings does not have.

    A right counts as granted if the broker does not report it: a broker without ACLs grants everything.
    """
    wanted = rights(settings, component)
    admin = AdminClient(settings.client_config() | {"log_level": 0})
    topics = [right for right in wanted if right.resource == "topic"]
    groups = [right for right in wanted if right.resource == "group"]
    found = [*_lacking(topics, _topic_rights(admin, topics)), *_lacking(groups, _group_rights(admin, groups))]
    return found + [
        right for right in wanted if right.resource == "transactional-id" and _is_denied(settings, right)
    ]


def _lacking(wanted: Sequence[Right], allowed: dict[str, set[Any] | None]) -> Iterator[Right]:
    for right in wanted:
        operations = allowed.get(right.name)
        if operations is not None and _OPERATIONS[right.operation] not in operations:
            yield right


def _topic_rights(admin: AdminClient, wanted: Sequence[Right]) -> dict[str, set[Any] | None]:
    names = sorted({right.name for right in wanted})
    if not names:
        return {}
    asked = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=ANSWER_SECONDS
    )
    return {name: _allowed(answer) for name, answer in asked.items()}


def _group_rights(admin: AdminClient, wanted: Sequence[Right]) -> dict[str, set[Any] | None]:
    names = sorted({right.name for right in wanted})
    if not names:
        return {}
    asked = admin.describe_consumer_groups(
        names, include_authorized_operations=True, request_timeout=ANSWER_SECONDS
    )
    return {name: _allowed(answer) for name, answer in asked.items()}


def _allowed(answer: Any) -> set[Any] | None:
    """Return the allowed operations: empty if describing is denied, None if the broker reports none."""
    try:
        operations = answer.result(ANSWER_SECONDS).authorized_operations
    except KafkaException as error:
        refused = error.args[0].code() in _REFUSED
        return set() if refused else None
    except TimeoutError:
        return None
    return set(operations) if operations else None


_REFUSED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}


def _is_denied(settings: Settings, right: Right) -> bool:
    """Whether the broker denies a transactional id. The id of the trial is unused, so it fences no worker."""
    trial = producer(settings, **{"transactional.id": f"{right.name}trial", "log_level": 0})
    try:
        trial.init_transactions(ANSWER_SECONDS)
    except KafkaException as error:
        code: int = error.args[0].code()
        return bool(code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    return False
