"""Reads the newest checkpoints of an installation, without taking their fences."""

from watchkeeper.streams.fold import checkpoint as wire
from watchkeeper.streams.fold.checkpoint import Checkpoint
from watchkeeper.streams.fold.parts import Assembly
from watchkeeper.streams.kafka.client import read_to_end
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.topics.flow import FLOWS
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
    sources = {f"{flow.name}/{partition}".encode() for flow in FLOWS}  # The topic holds other keys, too.
    found = {key.decode(): value for key, value in assembly.values.items() if key in sources}
    return {source: wire.decode(value, source) for source, value in found.items()}
