"""Checkpoints that are larger than a record: cut into parts, put together again only where they are whole.

Parts have keys of their own and come first; the head, under the checkpoint's key, comes last and names them.
All are written in one transaction, but not every broker hides what one left behind that did not end. So a
head counts only with parts of its own id, none of them missing, and the right checksum. Where it does not
count, the checkpoint before it stays.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

__all__ = ["PART_BYTES", "Assembly", "split", "tombstones"]

PART_BYTES = 15 * 2**20
"""Most of a checkpoint in one record; what a record takes (16 MiB) includes its key and headers."""
_MAGIC = b"WKPARTS\x01"
_ID_BYTES = 16
_PART = b"/part/"


class _Head(Struct, array_like=True, frozen=True):
    id: bytes
    parts: int
    sha256: bytes


def split(key: bytes, value: bytes, part_bytes: int = PART_BYTES) -> list[tuple[bytes, bytes]]:
    """Return the records of a checkpoint, by key, in the order in which they must be written.

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
    """Return the records that take parts away, by number, which no head names any more."""
    return [(_part_key(key, n), None) for n in parts]


class Assembly:
    """Follows the records of a partition, and holds the newest whole value of each key.

    >>> assembly = Assembly()
    >>> for key, value in split(b"page/0", b"larger", part_bytes=4): assembly.see(key, value)
    >>> assembly.values, assembly.parts
    ({b'page/0': b'larger'}, {b'page/0': 2})
    """

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.parts: dict[bytes, int] = {}
        """In how many parts each value came, where it did."""
        self._waiting: dict[bytes, bytes] = {}

    def see(self, key: bytes, value: bytes | None) -> None:
        """Take in one record, in order; None takes away what was under its key."""
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
