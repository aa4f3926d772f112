"""Connects to the broker before a command starts, and explains why if it fails."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.access import Component
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["check_rights", "reach", "reach_topics"]

_TRY_SECONDS = 0.3
"""Timeout of one attempt in seconds. Chosen by hand: shorter finds the cause of an error sooner."""
_ADVICE = {
    KafkaError._RESOLVE: (
        "the host name is unknown ({why}); give another address with --broker or WATCHKEEPER_BROKER"
    ),
    KafkaError._SSL: ("TLS failed ({why}); check WATCHKEEPER_SECURITY_PROTOCOL and WATCHKEEPER_SSL_CA_FILE"),
    KafkaError._AUTHENTICATION: (
        "the login failed ({why}); check WATCHKEEPER_SASL_MECHANISM, WATCHKEEPER_SASL_USERNAME "
        "and WATCHKEEPER_SASL_PASSWORD"
    ),
}
_NO_CONNECTION = (
    "no Kafka broker answers ({why}); start one, or give another address with --broker or WATCHKEEPER_BROKER"
)
_NO_RESPONSE = (
    "no Kafka broker answers over {protocol} ({why}); check the address and WATCHKEEPER_SECURITY_PROTOCOL"
)


def reach(settings: Settings, timeout_seconds: float = 5.0) -> ClusterMetadata:
    """Return the brokers and topics of the cluster. Raises UserError with the reason if no broker responds.

    Args:
        settings: How to reach the broker.
        timeout_seconds: How long to try.
    """
    errors: list[KafkaError] = []
    admin = AdminClient(settings.client_config() | {"error_cb": errors.append, "log_level": 0})
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return admin.list_topics(timeout=_TRY_SECONDS)
        except KafkaException as error:
            admin.poll(0)
            known = next((seen for seen in errors if seen.code() in _ADVICE), None)
            if known is not None or time.monotonic() >= deadline:
                # The cause of each broker says more than "1/1 brokers are down".
                causes = [seen for seen in errors if seen.code() != KafkaError._ALL_BROKERS_DOWN]
                raise _unreachable(settings, known or (causes or [error.args[0]])[0]) from None


def reach_topics(settings: Settings, *names: TopicName) -> None:
    """Connect to the broker and check that topics exist."""
    there = reach(settings).topics
    for name in names:
        if (topic := topic_name(settings, name)) not in there:
            raise UserError(
                f"{settings.broker}: the topic {topic} does not exist; run: watchkeeper topics create"
            )


def check_rights(settings: Settings, component: Component) -> None:
    """Check that the user has all rights of a component. Raises UserError with the missing ones."""
    if not (settings.uses_sasl or settings.uses_ssl):
        return  # without a login there are no users, and so no rights
    from watchkeeper.streams.topics.permissions import lacking

    if missing := lacking(settings, component):
        names = "; ".join(str(right) for right in missing)
        raise UserError(
            f"{settings.broker}: the user lacks rights of the {component}: {names}; "
            f"see: watchkeeper topics acls {component}"
        )


def _unreachable(settings: Settings, error: KafkaError) -> UserError:
    why = _cause(error)
    advice = _ADVICE.get(error.code(), _NO_CONNECTION if why.startswith("Connect to") else _NO_RESPONSE)
    what = advice.format(why=why, protocol=settings.security_protocol)
    return UserError(f"{settings.broker}: {what}")


def _cause(error: KafkaError) -> str:
    """Return the message of an error without the thread of the client and its duration.

    >>> _cause(KafkaError(KafkaError._TRANSPORT, "a:1/bootstrap: Connect failed: no (after 0ms in state X)"))
    'Connect failed: no'
    """
    text: str = error.str().rpartition("/bootstrap: ")[2]
    return text.partition(" (after ")[0].strip()
