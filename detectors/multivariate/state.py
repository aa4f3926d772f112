"""Arrays as bytes, and back without loss."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class _Array(msgspec.Struct, array_like=True):
    """An array as it is encoded."""

    kind: str
    shape: list[int]
    data: bytes


def pack(**arrays: NDArray[Any]) -> bytes:
    """Encode named arrays of numbers as MessagePack.

    Args:
        **arrays: The arrays by name.

    >>> unpack(pack(mean=np.array([[0.1, 0.2]])))
    {'mean': array([[0.1, 0.2]])}
    """
    packed = {name: _Array(a.dtype.str, list(a.shape), a.tobytes()) for name, a in arrays.items()}
    return msgspec.msgpack.encode(packed)


def unpack(state: bytes) -> dict[str, NDArray[Any]]:
    """Decode named arrays; the arrays are writable.

    Args:
        state: The bytes that `pack` returned.
    """
    packed = msgspec.msgpack.decode(state, type=dict[str, _Array])
    return {name: np.frombuffer(a.data, a.kind).reshape(a.shape).copy() for name, a in packed.items()}
