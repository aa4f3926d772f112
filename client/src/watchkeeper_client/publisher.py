"""The publisher: it puts events on the queue of librdkafka, which sends them from its own thread."""

import ctypes
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from watchkeeper_client import events
from watchkeeper_client.counts import PublisherCounts
from watchkeeper_client.events import EventRecord, Time, rfc3339

log = logging.getLogger(__name__)

_LOG_EVERY_SECONDS = 10.0
"""Shortest time between two log lines about one outcome. Chosen by hand, so that logs stay readable."""
_DEFAULTS: dict[str, Any] = {
    "enable.idempotence": True,
    "linger.ms": 20,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    # The hash of the Java client: a label must go to its prediction's partition from every client.
    "partitioner": "murmur2_random",
    # Only failures call back: delivered events are freed without the interpreter's lock.
    "delivery.report.only.error": True,
}
"""Settings of librdkafka that a caller may override.

The limits of the queue are chosen by hand: they bound its memory at 64 MiB.
"""


class Publisher:
    """Publishes predictions, labels and features. It never blocks, never raises, and its queue is bounded.

    Only the constructor raises. Later, an event that is not valid, or that finds the queue full because no
    broker answers, is dropped, counted in `counts()` and logged at most every ten seconds. A publisher may be
    shared between threads. After a fork each process makes its own connection.

    Args:
        broker: Addresses of Kafka, `HOST:PORT`, separated by commas.
        source: The name of this publisher, for the header `ce_source`.
        topic_prefix: The prefix of every topic name, as in Watchkeeper's settings.
        environment: The environment of all events, such as `staging`; None: production.
        **kafka_config: Settings of librdkafka, with `_` for `.`: `security_protocol="SASL_SSL"`.

    Raises:
        ValueError: if the broker or a setting of librdkafka is not valid.

    >>> publisher = Publisher("127.0.0.1:1", source="/flight-delay")
    >>> flight = {"distance": 1400}
    >>> prediction_id = publisher.predict("flight-delay", flight, score=0.31, model_version="2")
    >>> publisher.label(prediction_id, True)
    >>> publisher.counts().queued
    2
    """

    def __init__(
        self,
        broker: str,
        *,
        source: str = "/unnamed",
        topic_prefix: str = "",
        environment: str | None = None,
        **kafka_config: Any,
    ) -> None:
        if not isinstance(broker, str) or not broker:
            raise ValueError(f"broker must be HOST:PORT, got {broker!r}")
        given = {_dotted(name): value for name, value in kafka_config.items()}
        self._config = {**_DEFAULTS, "log_level": 3, **given, "bootstrap.servers": broker}
        self._source = source
        self._topic_prefix = topic_prefix
        self._environment = environment
        self._lock = threading.Lock()
        self._counts = PublisherCounts()
        self._logged_at: dict[str, float] = {}
        self._producer: Producer | None = None
        # Checks the settings now. The producer that sends is made at the first event, after a server's forks.
        try:
            Producer(self._config, logger=log)
        except KafkaException as error:
            raise ValueError(f"Kafka settings: {error.args[0].str()}") from None
        _publishers.add(self)

    def predict(
        self,
        model: str,
        features: dict[str, Any],
        *,
        prediction_id: str | None = None,
        score: float | None = None,
        label: bool | int | str | None = None,
        value: float | None = None,
        probabilities: dict[str, float] | list[float] | None = None,
        model_version: str | None = None,
        event_time: Time = None,
        segments: dict[str, str] | None = None,
        latency_ms: float | None = None,
        environment: str | None = None,
        entity_id: str | None = None,
        trace_id: str | None = None,
    ) -> str:
        """Publish one prediction.

        A classification has a `score` or a `label` or both, a regression has a `value`.

        Args:
            model: The name of the model in its monitor.
            features: The inputs, by name; not empty.
            prediction_id: The id of the prediction; None for a new random id.
            score: Probability of the positive class, from 0 to 1.
            label: The decision of the model.
            value: The prediction of a regression.
            probabilities: The probability of each class, for other readers of the topic.
            model_version: The version of the model.
            event_time: When the request was answered; None for now.
            segments: Values to split by that are not features, by dimension.
            latency_ms: Serving latency in milliseconds.
            environment: The environment, if it differs from the publisher's.
            entity_id: For other readers of the topic.
            trace_id: For other readers of the topic.

        Returns:
            The id of the prediction, for its label.
        """
        known_id = prediction_id if prediction_id is not None else uuid.uuid4().hex
        output = _given(score=score, label=label, value=value, probabilities=probabilities)
        optional = _given(
            model_version=model_version,
            segments=segments,
            latency_ms=latency_ms,
            environment=environment or self._environment,
            entity_id=entity_id,
            trace_id=trace_id,
        )
        self._publish(
            lambda: events.prediction(
                model, known_id, features, output, _text(event_time), self._source, optional
            )
        )
        return known_id

    def label(
        self,
        prediction_id: str,
        label: bool | float | None,
        *,
        model: str | None = None,
        label_time: Time = None,
        retracted: bool = False,
    ) -> None:
        """Publish the truth about a prediction. Another label for the same prediction corrects it.

        Args:
            prediction_id: The id of the prediction.
            label: The truth: a boolean, or a number for a regression; None to retract.
            model: The name of the model; None for every model with a prediction of this id.
            label_time: When the truth became known; None for now.
            retracted: Whether to withdraw the earlier label.
        """
        optional = _given(model=model, environment=self._environment)
        optional |= {"retracted": True} if retracted else {"label": label}
        self._publish(lambda: events.label(prediction_id, _text(label_time), self._source, optional))

    def feature(
        self,
        feature_view: str,
        features: dict[str, Any],
        *,
        event_time: Time = None,
        entity_id: str | None = None,
    ) -> None:
        """Publish one row of a feature view.

        Args:
            feature_view: The name of the feature view in its monitor.
            features: The values, by name; not empty.
            event_time: The time of the row; None for now.
            entity_id: The entity that the row describes.
        """
        optional = _given(entity_id=entity_id, environment=self._environment)
        self._publish(
            lambda: events.feature(
                feature_view, features, _text(event_time), self._source, uuid.uuid4().hex, optional
            )
        )

    def counts(self) -> PublisherCounts:
        """Return the outcomes of the events of this process up to now."""
        return self._counts

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until all queued events are delivered or have failed.

        Args:
            timeout_seconds: The longest time to wait, in seconds.

        Returns:
            The number of events that still wait.
        """
        producer = self._producer
        return int(producer.flush(timeout_seconds)) if producer is not None else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def _publish(self, write: Callable[[], EventRecord]) -> None:
        try:
            event = write()
        except Exception as error:
            self._count("dropped_invalid", f"an event is dropped because it is not valid: {error}")
            return
        try:
            self._send(event)
        except BufferError:
            self._count(
                "dropped_queue_full", "events are dropped because the queue is full: does the broker answer?"
            )
        except KafkaException as error:
            self._count("failed", f"an event could not be sent: {error}")
            # After a fatal error an idempotent producer refuses all events: the next event makes a new one.
            if error.args[0].fatal():
                self._producer = None

    def _send(self, event: EventRecord) -> None:
        producer = self._connected()
        producer.produce(
            self._topic_prefix + event.topic,
            event.value,
            event.key,
            headers=event.headers,
            on_delivery=self._delivered,
        )
        self._count("queued")
        producer.poll(0)

    def _connected(self) -> Producer:
        if self._producer is None:
            with self._lock:
                if self._producer is None:
                    self._producer = Producer(self._config, logger=log)
        return self._producer

    def reset_after_fork(self) -> None:
        """Give a forked process its own lock, counts and connection. Python calls it after each fork."""
        self._lock = threading.Lock()
        self._counts = PublisherCounts()
        if self._producer is not None:
            # A fork does not copy its threads, and freeing it would wait for them: it is never freed.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
            self._producer = None

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._count("failed", f"an event was not delivered: {error.str()}")

    def _count(self, outcome: str, complaint: str | None = None) -> None:
        now = time.monotonic()
        with self._lock:
            self._counts = self._counts._replace(**{outcome: getattr(self._counts, outcome) + 1})
            quiet = now - self._logged_at.get(outcome, -_LOG_EVERY_SECONDS) < _LOG_EVERY_SECONDS
            if complaint is None or quiet:
                return
            self._logged_at[outcome] = now
        log.warning("%s (%s)", complaint, self._counts)


_publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()


def _reset_all_after_fork() -> None:
    for publisher in list(_publishers):
        publisher.reset_after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_reset_all_after_fork)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _text(time_given: Time) -> str:
    return rfc3339(time_given if time_given is not None else time.time_ns() // 1_000_000)


def _dotted(name: str) -> str:
    return name if name.endswith("_cb") or name == "log_level" else name.replace("_", ".")
