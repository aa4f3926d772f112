"""Tells, for each partition of ingest that a worker owns, how much of the configuration is in force there."""

import asyncio
import logging
import os
import socket
from collections.abc import Collection, Mapping
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message

from watchkeeper.streams.config.acknowledgement import Acknowledgement, key_of
from watchkeeper.streams.config.progress import Place
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.kafka.client import producer
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import INGEST
from watchkeeper.streams.topics.topics import topic_name
from watchkeeper.streams.worker.worker import Worker

__all__ = ["Acknowledging"]

log = logging.getLogger("watchkeeper.configuration")

EVERY_SECONDS = 0.1
"""Seconds between two looks for a change. Chosen by hand: `watchkeeper apply` waits that much longer."""


class Acknowledging:
    """Writes the acknowledgements of one worker, each when it changes.

    Args:
        settings: The settings of the worker.
        registry: The configuration that the worker reads.
        worker: The worker.
    """

    def __init__(self, settings: Settings, registry: Registry, worker: Worker) -> None:
        self._registry = registry
        self._worker = worker
        self._topic = topic_name(settings, "checkpoints")
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._sender = producer(settings, **{"linger.ms": 0, "log_level": 3})
        self._written: dict[int, Mapping[Place, int]] = {}

    async def write_for_ever(self) -> None:
        """Write what has changed, as long as the event loop runs."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self.write({number for stage, number in list(self._worker.keepers) if stage == INGEST.name})

    def write(self, owned: Collection[int]) -> None:
        """Write the acknowledgements of partitions whose owner or configuration has changed.

        Args:
            owned: The partitions that the worker owns now.
        """
        offsets = self._registry.progress.offsets
        self._written = {number: each for number, each in self._written.items() if number in owned}
        for number in sorted(owned):
            if self._written.get(number) != offsets:
                self._written[number] = offsets
                self._send(number, Acknowledgement.of(self._name, offsets).encode())
        self._sender.poll(0)

    def _send(self, number: int, value: bytes) -> None:
        try:
            self._sender.produce(
                self._topic, value, key_of(number), number, on_delivery=partial(self._delivered, number)
            )
        except (BufferError, KafkaException) as error:
            self._try_again(number, str(error))

    def _delivered(self, number: int, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._try_again(number, error.str())

    def _try_again(self, number: int, why: str) -> None:
        self._written.pop(number, None)
        log.warning("partition %s: which configuration is in force could not be written: %s", number, why)
