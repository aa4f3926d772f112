"""The one primitive: a fold over one partition, whose state can be saved and restored.

A fold is plain Python: no Kafka, no clock, no metrics inside. `Keeper` (`streams/fold/keeper.py`) gives it each
record exactly once, saves it, and delivers what it owes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

LAST_OFFSET = 2**62
"""An offset after every record of a topic."""


class Record(NamedTuple):
    """One Kafka record, as a fold sees it; aiokafka's have these fields and are given as they are."""

    offset: int
    timestamp: int
    """In milliseconds; the name is Kafka's."""
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Message(Struct, frozen=True, array_like=True):
    """One output of a fold: a record for a topic (its logical name), or for a sink such as `notify`."""

    topic: str
    key: bytes
    value: bytes
    partition: int | None = None


class Fold(Protocol):
    """What every stage is. Same records in, same outputs and state out, however they are chunked."""

    def fold(self, topic: str, records: Sequence[Record], now_ms: int) -> None:
        """Take in records of one topic, in order, each once."""

    def tick(self, now_ms: int) -> None:
        """Let time pass; called about once a second, also when no records come."""

    def outputs(self) -> list[Message]:
        """Hand over what is owed downstream since the last call."""

    def snapshot(self) -> bytes:
        """Encode the whole state."""

    def restore(self, state: bytes) -> None:
        """Replace the state by a snapshot."""

    def needs(self) -> Mapping[str, int]:
        """Say, after `restore`, from which offset of which topic `remember` must be given records again.

        State that is as large as its input (predictions waiting for labels) is not copied into checkpoints:
        the topic holds it already. Most folds need nothing.
        """

    def remember(self, topic: str, records: Sequence[Record]) -> None:
        """Rebuild what `needs` asked for from records folded before the checkpoint; counts nothing."""
