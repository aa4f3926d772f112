"""The checkpoint: the state of a stage in one partition, and its undelivered outputs, as one record.

Format 2 contains the stage and partition. Format 1 did not: a checkpoint under a wrong key could pass for an
empty state.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold.formats import NEWEST, OLDEST
from watchkeeper.streams.fold.log_state import LogState
from watchkeeper.streams.fold.protocol import Message

VERSION = NEWEST
"""The format of checkpoints that this program writes by default."""
BYTES_MAX = 512 * 2**20
"""Maximum bytes of a checkpoint before compression. Chosen by hand: it bounds the memory of decoding."""

_Count = Annotated[int, Meta(ge=0)]


class UnreadableCheckpoint(Unrecoverable):
    """A checkpoint is damaged, has a newer format, or belongs to another source."""


class Checkpoint(Struct, frozen=True):
    """The state of a fold after all records up to `offsets`, and the outputs that may be undelivered."""

    version: int
    """The format of the checkpoint."""
    offsets: dict[str, Annotated[int, Meta(ge=-1)]]
    """Topic, without the prefix -> offset of the last folded record."""
    sequence: _Count
    """The sequence number of the last output so far. The outbox ends with it."""
    seen: dict[str, _Count]
    """Source (`stage/partition`) -> sequence number of its last output that was folded here."""
    outbox: list[Message]
    """Outputs to deliver, in order. After a crash they are delivered again."""
    state: bytes
    """The snapshot of the fold."""
    source: str = ""
    """The stage and partition, as `stage/partition`. Since format 2."""
    logs: dict[str, LogState] = {}
    """Topic -> what its log was like, and the account of its offsets. Older checkpoints have none."""
    subject_partitions: int = 0
    """Over how many partitions subjects are spread; 0: an older program wrote it. The store sets it."""


class _Format(Struct):
    """The field that every format has."""

    version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)
_format = msgspec.msgpack.Decoder(_Format)
_DAMAGED = (zlib.error, msgspec.MsgspecError, ValueError, RecursionError, OverflowError, MemoryError)


def encode(checkpoint: Checkpoint, written: int = VERSION) -> bytes:
    """Encode a checkpoint as compressed MessagePack.

    Args:
        checkpoint: The checkpoint, in the newest format.
        written: The format to write.

    Raises:
        ValueError: The checkpoint is larger than `BYTES_MAX`.

    >>> decode(encode(Checkpoint(VERSION, {"labels": 7}, 3, {}, [], b"state", "ingest/0"))).offsets
    {'labels': 7}
    """
    if written < VERSION:
        checkpoint = msgspec.structs.replace(checkpoint, version=written, source="")
    data = _encoder.encode(checkpoint)
    if len(data) > BYTES_MAX:
        raise ValueError(f"a checkpoint of {len(data)} bytes could not be read again: at most {BYTES_MAX}")
    return zlib.compress(data, 1)


def decode(value: bytes, source: str = "") -> Checkpoint:
    """Decode a checkpoint of any known format, and upgrade it to the newest one.

    Args:
        value: What `encode` returned.
        source: The expected `stage/partition`; empty: any.

    Raises:
        UnreadableCheckpoint: The checkpoint is damaged, has a newer format, or belongs to another source.

    >>> decode(b"no checkpoint", "ingest/0")
    Traceback (most recent call last):
      ...
    watchkeeper.streams.fold.checkpoint.UnreadableCheckpoint: checkpoint ingest/0 is damaged: Error -3 ...
    """
    name = f"checkpoint {source}".strip()
    try:
        data = _decompress(value)
        found = _format.decode(data).version
        if found > VERSION:
            raise UnreadableCheckpoint(
                f"{name} has format {found}, this program reads up to {VERSION}: upgrade this worker"
            )
        if found < OLDEST:
            raise UnreadableCheckpoint(f"{name} has format {found}, which does not exist")
        checkpoint = _decoder.decode(data)
    except _DAMAGED as error:
        raise UnreadableCheckpoint(f"{name} is damaged: {error}") from error
    while checkpoint.version < VERSION:
        checkpoint = _UPGRADES[checkpoint.version](checkpoint, source)
    if source and checkpoint.source != source:
        raise UnreadableCheckpoint(f"{name} is of {checkpoint.source!r}, not of {source}")
    if len(checkpoint.outbox) > checkpoint.sequence:
        raise UnreadableCheckpoint(
            f"{name} is damaged: it has {len(checkpoint.outbox)} outputs, but sequence {checkpoint.sequence}"
        )
    return checkpoint


def _decompress(value: bytes) -> bytes:
    """Decompress a complete stream of bounded size."""
    stream = zlib.decompressobj()
    data = stream.decompress(value, BYTES_MAX)
    if not stream.eof:
        too_long = len(data) == BYTES_MAX
        raise ValueError(f"it has more than {BYTES_MAX} bytes" if too_long else "it is cut off")
    if stream.unused_data:
        raise ValueError(f"{len(stream.unused_data)} bytes follow it")
    return data


def _from_1(checkpoint: Checkpoint, source: str) -> Checkpoint:
    return msgspec.structs.replace(checkpoint, version=2, source=source)


_UPGRADES: Mapping[int, Callable[[Checkpoint, str], Checkpoint]] = {1: _from_1}
"""The upgrade from each format to the next."""
