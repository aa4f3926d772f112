"""Splits checkpoints that are larger than one record into parts, and joins complete sets of parts.

The parts have their own keys and are written first. The head has the checkpoint's key and is written last.
All are written in one transaction, but not every broker hides the records of an unfinished transaction. So a
head is valid only if no part is missing, all parts have its id, and the checksum is right. If a head is not
valid, the previous checkpoint stays in force.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

__all__ = ["PART_BYTES", "Assembly", "split", "tombstones"]

PART_BYTES = 15 * 2**20
"""Maximum bytes of a checkpoint in one record. 1 MiB of `MAX_MESSAGE_BYTES` is left for key and headers."""
_MAGIC = b"WKPARTS\x01"
"""The bytes with which the value of a head starts."""
_ID_BYTES = 16
"""Bytes of the id with which each part starts: the length of a UUID."""
_PART = b"/part/"


class _Head(Struct, array_like=True, frozen=True):
    id: bytes
    parts: int
    sha256: bytes


def split(key: bytes, value: bytes, part_bytes: int = PART_BYTES) -> list[tuple[bytes, bytes]]:
    """Return the records of a checkpoint as (key, value), in the order in which they must be written.

    Args:
        key: The key of the checkpoint.
        value: The encoded checkpoint.
        part_bytes: Maximum bytes of the value in one record.

    >>> split(b"page/0", b"small")
    [(b'page/0', b'small')]
    >>> [key for key, _ in split(b"page/0", b"larger", part_bytes=4)]
    [b'page/0/part/0', b'page/0/part/1', b'page/0']
    """
    if len(value) <= part_bytes:
        return [(key, value)]
    own = uuid.uuid4().bytes
    pieces = [value[at : at + part_bytes] for at in range(0, len(value), part_bytes)]
    head = _Head(own, len(pieces), hashlib.sha256(value).digest())
    records = [(_part_key(key, n), own + piece) for n, piece in enumerate(pieces)]
    return [*records, (key, _MAGIC + msgspec.msgpack.encode(head))]


def tombstones(key: bytes, parts: Iterable[int]) -> list[tuple[bytes, None]]:
    """Return the records that delete the given part numbers of a key."""
    return [(_part_key(key, n), None) for n in parts]


class Assembly:
    """Reads the records of a partition, and holds the newest complete value of each key.

    >>> assembly = Assembly()
    >>> for key, value in split(b"page/0", b"larger", part_bytes=4): assembly.see(key, value)
    >>> assembly.values, assembly.parts
    ({b'page/0': b'larger'}, {b'page/0': 2})
    """

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        """Key -> newest complete value."""
        self.parts: dict[bytes, int] = {}
        """Key -> number of parts, for values that were split."""
        self._waiting: dict[bytes, bytes] = {}

    def see(self, key: bytes, value: bytes | None) -> None:
        """Process the next record. A value of None deletes the key."""
        if _PART in key:
            if value is None:
                self._waiting.pop(key, None)
            else:
                self._waiting[key] = value
            return
        parts = 0
        if value is not None and value.startswith(_MAGIC):
            parts, value = self._join(key, value)
            if value is None:
                return
        self.values.pop(key, None)
        self.parts.pop(key, None)
        if value is not None:
            self.values[key] = value
        if parts:
            self.parts[key] = parts

    def _join(self, key: bytes, value: bytes) -> tuple[int, bytes | None]:
        try:
            head = msgspec.msgpack.decode(value[len(_MAGIC) :], type=_Head)
        except msgspec.MsgspecError:
            return 0, None
        pieces = list(self._pieces(key, head))
        whole = b"".join(pieces)
        if len(pieces) < head.parts or hashlib.sha256(whole).digest() != head.sha256:
            return 0, None
        for n in range(head.parts):
            del self._waiting[_part_key(key, n)]
        return head.parts, whole

    def _pieces(self, key: bytes, head: _Head) -> Iterator[bytes]:
        for n in range(head.parts):
            piece = self._waiting.get(_part_key(key, n))
            if piece is None or not piece.startswith(head.id):
                return
            yield piece[_ID_BYTES:]


def _part_key(key: bytes, number: int) -> bytes:
    return key + _PART + b"%d" % number
