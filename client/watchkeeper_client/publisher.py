"""The publisher: puts events on the queue of librdkafka, which sends them from its own thread."""

import ctypes
import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from watchkeeper_client import events
from watchkeeper_client.events import Event, Time, rfc3339

log = logging.getLogger(__name__)

_LOG_EVERY_SECONDS = 10.0
_DEFAULTS: dict[str, Any] = {
    "enable.idempotence": True,
    "linger.ms": 20,
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    # The same hash as the Java client's: labels must land where their predictions landed, whoever wrote them.
    "partitioner": "murmur2_random",
    # Only failures call back; what was delivered is freed without taking the interpreter's lock.
    "delivery.report.only.error": True,
}


class Counts(NamedTuple):
    """What became of the events: `queued` were taken, `failed` are those of them that never arrived."""

    queued: int = 0
    dropped_invalid: int = 0
    dropped_queue_full: int = 0
    failed: int = 0


class Publisher:
    """Publishes predictions, labels and features without ever blocking, raising or growing without bound.

    Only the constructor raises, for arguments that can't work. Later an event that is invalid, or that finds
    the queue full because no broker answers, is dropped, counted in `counts()` and logged at most every ten
    seconds. Safe to share between threads; after a fork each process makes its own connection.

    Settings of librdkafka are keyword arguments with `_` for `.`: `security_protocol="SASL_SSL"`.

        publisher = Publisher("kafka:9092", source="/flight-delay")
        prediction_id = publisher.predict("flight-delay", {"distance": 1400}, score=0.31, model_version="2")
        publisher.label(prediction_id, True)
    """

    def __init__(
        self, broker: str, *, source: str = "/unnamed", topic_prefix: str = "", **kafka_config: Any
    ) -> None:
        if not isinstance(broker, str) or not broker:
            raise ValueError(f"broker must be HOST:PORT, got {broker!r}")
        given = {_dotted(name): value for name, value in kafka_config.items()}
        self._config = {**_DEFAULTS, "log_level": 3, **given, "bootstrap.servers": broker}
        self._source = source
        self._topic_prefix = topic_prefix
        self._lock = threading.Lock()
        self._counts = Counts()
        self._logged_at: dict[str, float] = {}
        self._producer: Producer | None = None
        # Proves the settings now; the one that sends is made at the first event, after a server's forks.
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
        """Publish one prediction and return its id (made up if none is given), which its label must name."""
        known_id = prediction_id if prediction_id is not None else uuid.uuid4().hex
        output = _given(score=score, label=label, value=value, probabilities=probabilities)
        optional = _given(
            model_version=model_version,
            segments=segments,
            latency_ms=latency_ms,
            environment=environment,
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
        """Publish the truth about a prediction; another label corrects it, `retracted` takes it back.

        The label is a boolean or a number; None where it is retracted.
        """
        optional = _given(model=model)
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
        """Publish one row of a feature view."""
        self._publish(
            lambda: events.feature(
                feature_view, features, _text(event_time), self._source, uuid.uuid4().hex, entity_id
            )
        )

    def counts(self) -> Counts:
        """Return what became of the events of this process up to now."""
        return self._counts

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until what is queued is delivered or has failed; the answer is how many events still wait."""
        producer = self._producer
        return int(producer.flush(timeout_seconds)) if producer is not None else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def _publish(self, write: Callable[[], Event]) -> None:
        try:
            event = write()
        except Exception as error:
            self._count("dropped_invalid", f"an event is dropped, it is not valid: {error}")
            return
        try:
            self._send(event)
        except BufferError:
            self._count(
                "dropped_queue_full", "events are dropped, the queue is full: does the broker answer?"
            )
        except KafkaException as error:
            self._count("failed", f"an event could not be sent: {error}")
            # After a fatal error an idempotent producer refuses everything: the next event makes another.
            if error.args[0].fatal():
                self._producer = None

    def _send(self, event: Event) -> None:
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

    def _begin_anew(self) -> None:
        """Make a forked child independent: of the parent's lock, of its counts and of its connection."""
        self._lock = threading.Lock()
        self._counts = Counts()
        if self._producer is not None:
            # Its threads did not come along, and freeing it would wait for them for ever: it is never freed.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))
            self._producer = None

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._count("failed", f"an event did not arrive: {error.str()}")

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


def _begin_anew_after_fork() -> None:
    for publisher in list(_publishers):
        publisher._begin_anew()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_begin_anew_after_fork)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _text(time_given: Time) -> str:
    return rfc3339(time_given if time_given is not None else time.time_ns() // 1_000_000)


def _dotted(name: str) -> str:
    return name if name.endswith("_cb") or name == "log_level" else name.replace("_", ".")
