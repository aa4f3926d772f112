"""Reaches the broker before a command begins, and says what is wrong with the connection if it can't."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from watchkeeper.streams.errors import UserError
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.access import Component
from watchkeeper.streams.topics.flow import TopicName
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["reach", "reach_topics", "see_rights"]

_TRY_SECONDS = 0.3
_ADVICE = {
    KafkaError._RESOLVE: (
        "the host name is not known ({why}); give another address with --broker or WATCHKEEPER_BROKER"
    ),
    KafkaError._SSL: ("TLS failed ({why}); check WATCHKEEPER_SECURITY_PROTOCOL and WATCHKEEPER_SSL_CA_FILE"),
    KafkaError._AUTHENTICATION: (
        "the login failed ({why}); check WATCHKEEPER_SASL_MECHANISM, WATCHKEEPER_SASL_USERNAME "
        "and WATCHKEEPER_SASL_PASSWORD"
    ),
}
_SILENCE = (
    "no Kafka broker answers ({why}); start one, or give another address with --broker or WATCHKEEPER_BROKER"
)
_NO_WORD = (
    "no Kafka broker answers over {protocol} ({why}); check the address and WATCHKEEPER_SECURITY_PROTOCOL"
)


def reach(settings: Settings, timeout_seconds: float = 5.0) -> ClusterMetadata:
    """Return the brokers and topics that there are; UserError says why there are none."""
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
                # "1/1 brokers are down" says less than why each is.
                causes = [seen for seen in errors if seen.code() != KafkaError._ALL_BROKERS_DOWN]
                raise _unreachable(settings, known or (causes or [error.args[0]])[0]) from None


def reach_topics(settings: Settings, *names: TopicName) -> None:
    """Reach the broker and see that topics are there."""
    there = reach(settings).topics
    for name in names:
        if (topic := topic_name(settings, name)) not in there:
            raise UserError(
                f"{settings.broker}: the topic {topic} does not exist; run: watchkeeper topics create"
            )


def see_rights(settings: Settings, component: Component) -> None:
    """See that the user may do all that a component does; UserError names what is missing."""
    if not (settings.uses_sasl or settings.uses_ssl):
        return  # nobody has a name there
    from watchkeeper.streams.topics.permissions import lacking

    if missing := lacking(settings, component):
        names = "; ".join(str(right) for right in missing)
        raise UserError(
            f"{settings.broker}: the user may not do what a {component} does: {names}; "
            f"see: watchkeeper topics acls {component}"
        )


def _unreachable(settings: Settings, error: KafkaError) -> UserError:
    why = _cause(error)
    advice = _ADVICE.get(error.code(), _SILENCE if why.startswith("Connect to") else _NO_WORD)
    what = advice.format(why=why, protocol=settings.security_protocol)
    return UserError(f"{settings.broker}: {what}")


def _cause(error: KafkaError) -> str:
    """Leave out which thread of the client says it, and how long it took.

    >>> _cause(KafkaError(KafkaError._TRANSPORT, "a:1/bootstrap: Connect failed: no (after 0ms in state X)"))
    'Connect failed: no'
    """
    text: str = error.str().rpartition("/bootstrap: ")[2]
    return text.partition(" (after ")[0].strip()
