"""The checkpoint: what a stage has folded in one partition, and what it still owes, as one record."""

import zlib

import msgspec
from msgspec import Struct

from streams.fold import Message

VERSION = 1


class UnreadableCheckpoint(Exception):
    """A checkpoint of a newer format, or not a checkpoint at all: it must not be guessed at."""


class Checkpoint(Struct, frozen=True):
    """State after all records up to `offsets`, with the outputs that may not have been delivered."""

    version: int
    offsets: dict[str, int]
    """Logical topic -> offset of the last record folded."""
    sequence: int
    """Number of the last output ever owed; the outbox ends with it."""
    seen: dict[str, int]
    """Source (`stage/partition`) -> sequence of its last output folded here."""
    outbox: list[Message]
    state: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Checkpoint)


def encode(checkpoint: Checkpoint) -> bytes:
    """Encode as compressed MessagePack.

    >>> decode(encode(Checkpoint(VERSION, {"labels": 7}, 3, {}, [], b"state"))).offsets
    {'labels': 7}
    """
    return zlib.compress(_encoder.encode(checkpoint), 1)


def decode(value: bytes) -> Checkpoint:
    """Decode, refusing what is damaged or of another version.

    >>> decode(b"no checkpoint")
    Traceback (most recent call last):
      ...
    streams.checkpoint.UnreadableCheckpoint: not a checkpoint: Error -3 while decompressing ...header check
    """
    try:
        checkpoint = _decoder.decode(zlib.decompress(value))
    except (zlib.error, msgspec.DecodeError) as error:
        raise UnreadableCheckpoint(f"not a checkpoint: {error}") from error
    if checkpoint.version != VERSION:
        raise UnreadableCheckpoint(
            f"checkpoint has format {checkpoint.version}, this program reads {VERSION}"
        )
    return checkpoint
