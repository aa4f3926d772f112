"""Reads the newest checkpoints of an installation, without taking their fences."""

from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.parts import Assembly
from watchkeeper.streams.kafka.client import read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.topics import topic_name


def newest_checkpoints(settings: Settings, partition: int) -> dict[str, Checkpoint]:
    """Return the newest checkpoint of each stage in a partition, by source (`stage/partition`).

    Raises:
        UnreadableCheckpoint: A checkpoint is damaged, or newer than this program.
    """
    assembly = Assembly()
    for message in read_to_end(settings, topic_name(settings, "checkpoints"), partition):
        if message.key() is not None:
            assembly.see(message.key(), message.value())
    return {key.decode(): wire.decode(value, key.decode()) for key, value in assembly.values.items()}
