"""Arrays as bytes, and back without a bit lost."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class _Array(msgspec.Struct, array_like=True):
    kind: str
    shape: list[int]
    data: bytes


def pack(**arrays: NDArray[Any]) -> bytes:
    """Encode named arrays of numbers.

    >>> unpack(pack(mean=np.array([[0.1, 0.2]])))
    {'mean': array([[0.1, 0.2]])}
    """
    packed = {name: _Array(a.dtype.str, list(a.shape), a.tobytes()) for name, a in arrays.items()}
    return msgspec.msgpack.encode(packed)


def unpack(state: bytes) -> dict[str, NDArray[Any]]:
    """Decode named arrays, which may be written to."""
    packed = msgspec.msgpack.decode(state, type=dict[str, _Array])
    return {name: np.frombuffer(a.data, a.kind).reshape(a.shape).copy() for name, a in packed.items()}
