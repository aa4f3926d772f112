"""The checkpoint: the state of a stage in one partition, and the outputs that it still owes, as one record.

Format 2 names the stage and partition. Format 1 did not: under a wrong key it could pass for an empty state.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from watchkeeper.streams.errors import Unrecoverable
from watchkeeper.streams.fold.formats import NEWEST, OLDEST
from watchkeeper.streams.fold.protocol import Message

VERSION = NEWEST
BYTES_MAX = 512 * 2**20
"""The most bytes of a checkpoint before compression."""

_Count = Annotated[int, Meta(ge=0)]


class UnreadableCheckpoint(Unrecoverable):
    """A checkpoint is damaged, of a newer format, or of another source: this program must not guess."""


class Checkpoint(Struct, frozen=True):
    """The state after all records up to `offsets`, with the outputs that may not have been delivered."""

    version: int
    offsets: dict[str, Annotated[int, Meta(ge=-1)]]
    """Logical topic -> offset of the last record folded."""
    sequence: _Count
    """Number of the last output ever owed; the outbox ends with it."""
    seen: dict[str, _Count]
    """Source (`stage/partition`) -> sequence of its last output folded here."""
    outbox: list[Message]
    state: bytes
    source: str = ""
    """The stage and partition, `stage/partition`. Since format 2."""


class _Format(Struct):
    """The field with which every format begins."""

    version: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)
_format = msgspec.msgpack.Decoder(_Format)
_DAMAGED = (zlib.error, msgspec.MsgspecError, ValueError, RecursionError, OverflowError, MemoryError)


def encode(checkpoint: Checkpoint, written: int = VERSION) -> bytes:
    """Encode as compressed MessagePack, in the newest format or an older one.

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
    """Decode, in the newest format; refuse what is damaged, of a newer one, or of another source.

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
            raise UnreadableCheckpoint(f"{name} has format {found}, which never was")
        checkpoint = _decoder.decode(data)
    except _DAMAGED as error:
        raise UnreadableCheckpoint(f"{name} is damaged: {error}") from error
    while checkpoint.version < VERSION:
        checkpoint = _UPGRADES[checkpoint.version](checkpoint, source)
    if source and checkpoint.source != source:
        raise UnreadableCheckpoint(f"{name} is of {checkpoint.source!r}, not of {source}")
    if len(checkpoint.outbox) > checkpoint.sequence:
        raise UnreadableCheckpoint(
            f"{name} is damaged: it owes {len(checkpoint.outbox)} outputs, and numbered {checkpoint.sequence}"
        )
    return checkpoint


def _decompress(value: bytes) -> bytes:
    """Decompress a whole stream of bounded size."""
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
"""The step from each format to the next."""
