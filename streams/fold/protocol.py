"""The one primitive: a fold over one partition, whose state can be saved and restored.

A fold is plain Python, without Kafka, clock or metrics. `Keeper` (`keeper.py`) passes it each record
exactly once, saves it, and delivers its outputs.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from watchkeeper.streams.topics.flow import Destination

LAST_OFFSET = 2**62
"""An offset after every record of a topic."""


class Record(NamedTuple):
    """One Kafka record, as a fold sees it. The worker passes aiokafka's records, which have these fields."""

    offset: int
    timestamp: int
    """Milliseconds since the epoch; the name is Kafka's."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Message(Struct, frozen=True, array_like=True):
    """One output of a fold: a record for a topic, or a message for a sink."""

    topic: Destination
    """The topic's name without the prefix, or the sink's name."""
    key: bytes
    value: bytes
    partition: int | None = None


class Fold(Protocol):
    """What every stage is. The same records give the same outputs and state, however they are chunked.

    A fold inherits `BaseFold`, and so defines only what it needs of the last four methods.
    """

    revision: int
    """Changes whenever what the fold shows to metrics may have changed."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Fold records of one topic. They come in order, each once."""

    def tick(self, now_ms: int) -> None:
        """Note the time; called about once a second, also when no records come."""

    def outputs(self) -> list[Message]:
        """Return the outputs since the last call."""

    def snapshot(self) -> bytes:
        """Encode the whole state."""

    def restore(self, state: bytes) -> None:
        """Replace the state with a snapshot."""

    def needs(self) -> Mapping[str, int]:
        """Return, after `restore`, from which offset of which topic `remember` needs the records again.

        Checkpoints do not copy state that is as large as its input (predictions that wait for labels): the
        topic holds it already. Most folds need nothing.
        """

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild what `needs` asked for from records folded before the checkpoint; counts nothing."""

    def caught_up(self, topic: str, now_ms: int) -> None:
        """Note that a topic is read to its end; called about once a second while that is so."""

    def out_of_sight(self, topic: str) -> None:
        """Note that nobody knows where a topic ends: the broker is away."""


class BaseFold:
    """What most folds do: the checkpoint holds their whole state, and they ignore the ends of topics."""

    revision = 0

    def needs(self) -> Mapping[str, int]:
        """Return nothing: the state is small."""
        return {}

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Do nothing: `needs` asks for nothing."""

    def caught_up(self, topic: str, now_ms: int) -> None:
        """Do nothing."""

    def out_of_sight(self, topic: str) -> None:
        """Do nothing."""
