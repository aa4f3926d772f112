"""Waits until the workers that run have read a change of monitors or references, and says so."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from msgspec import Struct

from watchkeeper.streams.cli.current import ConfigRecord, send_configuration
from watchkeeper.streams.cli.output import note
from watchkeeper.streams.config.acknowledgement import Acknowledgement, key_of
from watchkeeper.streams.config.progress import Place
from watchkeeper.streams.kafka.client import BrokerError, admin_client, known_end, reader_config
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

__all__ = ["EXIT_NOT_IN_FORCE", "InForce", "Wait", "print_in_force", "put_in_force"]

EXIT_NOT_IN_FORCE = 1
"""Exit code if a worker that runs has not read the change within the time limit."""
WAIT_SECONDS = 10.0
"""Default time limit in seconds. Chosen by hand: workers read a change within a second, and a restart or
rebalance takes a few."""
_ANSWER_SECONDS = 5.0
"""Time in seconds that the broker has for a request. Chosen by hand: shorter fails on a slow network."""
_BATCH = 100
"""Records that are read at once. Chosen by hand; it bounds memory, because checkpoints are large."""

Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        min=0,
        metavar="SECONDS",
        help="Longest time to wait until the workers that run have read the change. 0 does not wait.",
    ),
]


class InForce(Struct, frozen=True):
    """Where a change is in force."""

    workers: list[str]
    """The workers that have read it, as `host:process`. Only those with partitions of events count."""
    partitions: int
    """Number of partitions whose worker has read it."""
    not_yet: list[int]
    """The partitions whose worker has not."""
    workers_run: bool | None
    """Whether any worker runs; None if that is unknown."""
    waited_seconds: float
    """How long the command has waited."""
    unknown: str = ""
    """Why it is not known where the change is in force; empty if it is known."""

    @property
    def is_late(self) -> bool:
        """Whether a worker that runs has not read the change."""
        return bool(self.not_yet) and self.workers_run is not False and not self.unknown


def put_in_force(settings: Settings, records: Sequence[ConfigRecord], wait_seconds: float) -> InForce | None:
    """Publish records, and wait until the workers that run have read them. Return None if there is no wait.

    Args:
        settings: They give the broker and the login.
        records: The records. Nothing happens if there are none.
        wait_seconds: The longest time to wait; 0: do not wait.
    """
    if not records or not wait_seconds:
        send_configuration(settings, records)
        return None
    acknowledgements = _Acknowledgements(settings)
    try:
        published = send_configuration(settings, records)
        return acknowledgements.wait(published, wait_seconds)
    finally:
        acknowledgements.close()


class _Acknowledgements:
    """The acknowledgements that workers write from now on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = topic_name(settings, "checkpoints")
        self._consumer = Consumer(reader_config(settings, fetch_wait_ms=50) | {"log_level": 0})
        self._unknown = ""
        self._waiting: set[int] = set()
        try:
            self._start()
        except (BrokerError, KafkaException, KeyError) as error:
            why = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            self._unknown = f"the topic {self._topic} can't be read ({why})"

    def _start(self) -> None:
        self._waiting = set(
            self._consumer.list_topics(self._topic, _ANSWER_SECONDS).topics[self._topic].partitions
        )
        ends = [
            TopicPartition(self._topic, n, known_end(self._consumer, self._topic, n, _ANSWER_SECONDS))
            for n in sorted(self._waiting)
        ]
        self._consumer.assign(ends)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def wait(self, published: Mapping[Place, int], seconds: float) -> InForce:
        """Wait until the change is in force in all partitions.

        Args:
            published: The offset after the last record of the change, of each partition.
            seconds: The longest time to wait.
        """
        began = time.monotonic()
        workers: set[str] = set()
        done: set[int] = set()
        run = self._workers_run()
        while self._waiting - done and run is not False and not self._unknown:
            left = began + seconds - time.monotonic()
            if left <= 0:
                run = self._workers_run()
                break
            for number, found in self._read(min(left, 0.1)):
                if found.covers(published):
                    workers.add(found.worker)
                    done.add(number)
        waited = round(time.monotonic() - began, 3)
        return InForce(sorted(workers), len(done), sorted(self._waiting - done), run, waited, self._unknown)

    def _read(self, seconds: float) -> list[tuple[int, Acknowledgement]]:
        first = self._consumer.poll(seconds)
        found = []
        for message in [] if first is None else [first, *self._consumer.consume(_BATCH, 0)]:
            if message.error() is None and message.key() == key_of(message.partition()):
                value = Acknowledgement.decode(message.value() or b"")
                found += [(message.partition(), value)] if value is not None else []
        return found

    def _workers_run(self) -> bool | None:
        """Return whether the group of the workers has members; None if that is unknown."""
        group = self._settings.topic_prefix + self._settings.application
        admin = admin_client(self._settings)  # Keep a reference: without it, the result is never set.
        try:
            asked = admin.describe_consumer_groups([group], request_timeout=_ANSWER_SECONDS)
            state = asked[group].result(_ANSWER_SECONDS).state
        except (KafkaException, TimeoutError):
            return None
        return state not in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)


def print_in_force(found: InForce | None) -> None:
    """Print where a change is in force.

    Args:
        found: The result; None: nothing was changed, or the command did not wait.
    """
    if found is not None:
        note(sentence(found))


def sentence(found: InForce) -> str:
    """Return the sentence for the user.

    >>> sentence(InForce(["a:1", "b:1"], 4, [], True, 0.4))
    'in force on 2 workers, in all 4 partitions'
    >>> sentence(InForce([], 0, [0, 1], False, 0.1))
    'no worker runs; it is in force as soon as one starts'
    """
    if found.unknown:
        return f"published, but it is not known whether workers have read it: {found.unknown}"
    if found.workers_run is False:
        return "no worker runs; it is in force as soon as one starts"
    done = f"in force on {len(found.workers)} worker{'' if len(found.workers) == 1 else 's'}"
    if not found.not_yet:
        return f"{done}, in all {found.partitions} partitions"
    return (
        f"published, but only {done}: after {found.waited_seconds:g} seconds, the workers of partitions "
        f"{', '.join(map(str, found.not_yet))} have not read it. They read it when they can: see `/ready` of "
        "the workers, and their logs. Workers of 0.1.0 never report that they have read a change"
    )
