"""The exclusive right to write the checkpoints of one partition number. Taking it revokes it elsewhere."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from watchkeeper.streams.errors import Unrecoverable, WatchkeeperError
from watchkeeper.streams.fold.interfaces import Superseded
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name

log = logging.getLogger("watchkeeper.store")

COMMIT_SECONDS = 30
"""Seconds that one call to initialize, commit or abort transactions may block. Chosen by hand."""
_RETRY_SECONDS = 0.5
"""Seconds between two tries. Chosen by hand: quick recovery against load on a broker in trouble."""
_PERMANENT = {
    KafkaError.MSG_SIZE_TOO_LARGE: "raise max.message.bytes of the topic to 16 MiB",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "give the worker's user the right to write to the topic",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "give the worker's user its transactional ids",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "give the worker's user the right to write idempotently",
}


class _Aborted(WatchkeeperError):
    """A transaction was aborted cleanly: it had no effect and can be retried."""


class Fence:
    """A transactional producer. The broker accepts writes only from the newest holder of a transactional id.

    So a worker that was frozen while its partitions moved cannot overwrite a checkpoint of their new owner.

    Args:
        settings: They give the broker, and the prefix of the transactional id.
        partition: The partition number.
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
        """Write all records in one transaction. Wait for the commit, however long the broker is away.

        Args:
            records: The key and value of each record; None deletes a key.

        Raises:
            Superseded: Another worker has taken the fence.
            Unrecoverable: The broker rejects the records permanently.
        """
        with self._lock:
            while True:
                try:
                    return self._attempt(records)
                except _Aborted as error:
                    log.warning("partition %s: retrying to write a checkpoint: %s", self._partition, error)
                    time.sleep(_RETRY_SECONDS)

    def _attempt(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        try:
            self._producer.begin_transaction()
            for key, value in records:
                self._producer.produce(self._topic, value, key, partition=self._partition)
            self._retry(lambda: self._producer.commit_transaction(COMMIT_SECONDS))
        except KafkaException as error:
            why: KafkaError = error.args[0]
            if why.code() in _PERMANENT:
                raise Unrecoverable(
                    f"the broker refuses a checkpoint of partition {self._partition} on {self._topic} "
                    f"({why.str()}): {_PERMANENT[why.code()]}"
                ) from error
            if not why.txn_requires_abort():
                raise Superseded(self._partition, why.str()) from error
            self._abort()
            raise _Aborted(why.str()) from error

    def _abort(self) -> None:
        try:
            self._retry(lambda: self._producer.abort_transaction(COMMIT_SECONDS))
        except KafkaException as error:
            raise Superseded(self._partition, error.args[0].str()) from error

    def _retry(self, step: Callable[[], object]) -> None:
        """Run a step of a transaction, and retry it while the client reports a retriable error."""
        while True:
            try:
                step()
                return
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                log.warning("partition %s: trying again: %s", self._partition, error.args[0].str())
                time.sleep(_RETRY_SECONDS)
