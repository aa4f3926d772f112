"""The right to write checkpoints of one partition number; taking it ends its last holder's."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from watchkeeper.streams.errors import Unrecoverable, WatchkeeperError
from watchkeeper.streams.fold.keeper import Superseded
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

log = logging.getLogger("watchkeeper.store")

COMMIT_SECONDS = 30
_RETRY_SECONDS = 0.5
_FOR_GOOD = {
    KafkaError.MSG_SIZE_TOO_LARGE: "raise max.message.bytes of the topic to 16 MiB",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "give the worker's user the right to write to the topic",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "give the worker's user its transactional ids",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "give the worker's user the right to write idempotently",
}


class _Aborted(WatchkeeperError):
    """The transaction had to be given up, cleanly: nothing of it counts, and it can be tried again."""


class Fence:
    """A transactional producer: the broker lets only the newest holder of a transactional id write.

    A worker that was frozen while its partitions moved finds out at its next checkpoint, before any harm.
    """

    def __init__(self, settings: Settings, partition: int) -> None:
        self._topic = topic_name(settings, "checkpoints")
        self._partition = partition
        self._lock = threading.Lock()
        self._producer: Producer = producer(
            settings,
            **{
                "transactional.id": f"{settings.topic_prefix}{settings.application}-{partition}",
                "transaction.timeout.ms": 60_000,
                "linger.ms": 0,
                "log_level": 2,
                "compression.type": "none",
            },
        )
        self._producer.init_transactions(COMMIT_SECONDS)

    def write(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records by key, all or none, and wait until they are safe, also for a broker that is away.

        Superseded once another has taken the fence; Unrecoverable where the broker refuses for good.
        """
        with self._lock:
            while True:
                try:
                    return self._attempt(records)
                except _Aborted as error:
                    log.warning("partition %s: a checkpoint is written again: %s", self._partition, error)
                    time.sleep(_RETRY_SECONDS)

    def _attempt(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        try:
            self._producer.begin_transaction()
            for key, value in records:
                self._producer.produce(self._topic, value, key, partition=self._partition)
            self._patiently(lambda: self._producer.commit_transaction(COMMIT_SECONDS))
        except KafkaException as error:
            why: KafkaError = error.args[0]
            if why.code() in _FOR_GOOD:
                raise Unrecoverable(
                    f"the broker refuses a checkpoint of partition {self._partition} on {self._topic} "
                    f"({why.str()}): {_FOR_GOOD[why.code()]}"
                ) from error
            if not why.txn_requires_abort():
                raise Superseded(self._partition, why.str()) from error
            self._abort()
            raise _Aborted(why.str()) from error

    def _abort(self) -> None:
        try:
            self._patiently(lambda: self._producer.abort_transaction(COMMIT_SECONDS))
        except KafkaException as error:
            raise Superseded(self._partition, error.args[0].str()) from error

    def _patiently(self, step: Callable[[], object]) -> None:
        """Do a step of a transaction, again for as long as the client says that this can help."""
        while True:
            try:
                step()
                return
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                log.warning("partition %s: trying again: %s", self._partition, error.args[0].str())
                time.sleep(_RETRY_SECONDS)
