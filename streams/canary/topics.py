"""Follows the probe's alert on the topic `alerts`, and whether its monitor stays in force."""

import time

from confluent_kafka import Message
from pydantic import ValidationError

from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.canary.subject import ALERTNAME
from watchkeeper.streams.config.state import Configuration
from watchkeeper.streams.kafka.client import BrokerError
from watchkeeper.streams.kafka.following import Behind, follow
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["Topics"]

_BATCH = 500
"""The most messages that are read at once. Chosen by hand; it bounds the memory."""


class Topics:
    """The alert and the monitor of one subject, as the topics have them."""

    def __init__(self, settings: Settings, model: str) -> None:
        self.monitor: Monitor | None = None
        """The monitor in force."""
        self.applied_ms = 0
        """When it was applied."""
        self._model = model
        self._alerts = topic_name(settings, "alerts")
        self._monitors = topic_name(settings, "monitors")
        self._configuration = Configuration()
        self._firing: set[str] = set()
        self._places = [(self._monitors, 0), *((self._alerts, n) for n in range(settings.partitions))]
        self._consumer = follow(settings, log_level=3)
        self._behind: Behind | None = None

    @property
    def firing(self) -> bool:
        """Whether the alert on the drift is firing."""
        return bool(self._firing)

    def catch_up(self, timeout_seconds: float = 30) -> None:
        """Start following, and read both topics to their ends.

        Raises:
            BrokerError: They could not be read in time.
        """
        deadline = time.monotonic() + timeout_seconds
        self._behind = Behind(self._consumer, self._places, timeout_seconds)
        while self._behind:
            if time.monotonic() > deadline:
                raise BrokerError(f"{self._alerts} and {self._monitors} could not be read to their ends")
            self.poll(wait_seconds=0.1)

    def poll(self, wait_seconds: float = 0) -> None:
        """Read the messages that have arrived. While the broker is down there are none.

        Args:
            wait_seconds: How long to wait for the first message.
        """
        while messages := self._consumer.consume(_BATCH, wait_seconds):
            for message in messages:
                self._take(message)
            wait_seconds = 0

    def close(self) -> None:
        """Stop following the topics."""
        self._consumer.close()

    def _take(self, message: Message) -> None:
        if message.error() is not None:
            if self._behind is not None:
                self._behind.note(message)
        elif message.topic() == self._alerts:
            self._take_alert(message.value() or b"")
        elif message.key() == self._model.encode():
            self._take_monitor(message)

    def _take_alert(self, value: bytes) -> None:
        if self._model.encode() not in value:
            return
        try:
            alert = Alert.model_validate_json(value)
        except ValidationError:
            return
        if (alert.labels.get("model"), alert.labels.get("alertname")) != (self._model, ALERTNAME):
            return
        if alert.status == "firing":
            self._firing.add(alert.fingerprint)
        else:
            self._firing.discard(alert.fingerprint)

    def _take_monitor(self, message: Message) -> None:
        self.applied_ms = message.timestamp()[1]
        self._configuration.learn("monitors", message.key(), message.value())
        watched = self._configuration.watched(self._model)
        self.monitor = None if watched is None else watched.latest.monitor
