"""Strategies that corrupt valid data: bytes, JSON and MessagePack."""

import json
import math
from typing import Any

import msgspec
from hypothesis import strategies as st

ODD_NUMBERS = [
    0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**30, 10**400,
    0.5, -0.0, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf,
]  # fmt: skip
ODD_TEXTS = [
    "",
    "\0",
    "\ufeff",
    "é" * 3,
    "\U0001f600",
    "x" * 5000,
    "nan",
    "1e400",
    "2026-01-01",
    "other",
    "a=b",
]
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_TEXTS),
    st.text(max_size=5),
    st.builds(list),
    st.builds(dict),
    st.lists(st.sampled_from(ODD_NUMBERS), max_size=3),
    st.dictionaries(st.sampled_from(["a", ""]), st.none(), max_size=2),
)
RAW = [
    b"1e400", b"-1e400", b"9" * 400, b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff"', b"NaN", b"Infinity",
    b"[" * 3000, b'{"a":' * 3000, b"\0", b'"\0"', b"1.", b"01", b"", b"null", b"tru",
    b'"' + b"x" * 100_000 + b'"', b"1e-400",
]  # fmt: skip
"""Pieces of valid and invalid JSON that an encoder does not write."""


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:50]):
            found += _paths(inner, (*path, index))
    return found


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copy


def _removed(value: Any, path: tuple[Any, ...]) -> Any:
    copy = value.copy()
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _removed(value[path[0]], path[1:])
    return copy


@st.composite
def broken_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Truncate, flip, insert, repeat, prepend or append bytes."""
    kind = draw(st.sampled_from(["cut", "flip", "insert", "repeat", "around", "random"]))
    at = draw(st.integers(0, max(0, len(data) - 1)))
    if kind == "cut":
        return data[:at]
    if kind == "flip" and data:
        return data[:at] + bytes([data[at] ^ draw(st.integers(1, 255))]) + data[at + 1 :]
    if kind == "insert":
        return (
            data[:at] + draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(RAW))) + data[at:]
        )
    if kind == "repeat":
        return data[:at] + data[at : at + draw(st.integers(1, 40))] * draw(st.integers(1, 200)) + data[at:]
    if kind == "around":
        around = draw(st.sampled_from([b"\xef\xbb\xbf", b"\0", b" ", b"\n", b"\xff\xfe", b"[", b"{}", b","]))
        return around + data if draw(st.booleans()) else data + around
    return draw(st.binary(max_size=200))


@st.composite
def broken_value(draw: st.DrawFn, value: Any) -> Any:
    """Replace one to three values with odd ones, or remove them."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(value)))
        gone = bool(path) and draw(st.booleans())
        value = _removed(value, path) if gone else _replaced(value, path, draw(odd))
        if not isinstance(value, dict | list):
            break
    return value


@st.composite
def broken_json(draw: st.DrawFn, value: Any) -> bytes:
    """Corrupt an object or its text, replace a value with a raw piece, or repeat a key."""
    kind = draw(st.sampled_from(["value", "value", "bytes", "raw", "twice"]))
    if kind == "value":
        return json.dumps(draw(broken_value(value))).encode()
    text = json.dumps(value).encode()
    if kind == "bytes":
        return draw(broken_bytes(text))
    if kind == "twice" and isinstance(value, dict):
        name = draw(st.sampled_from(sorted(value)))
        again = json.dumps({name: draw(odd)}).encode()
        return b"{" + again[1:-1] + b"," + text[1:] if draw(st.booleans()) else text[:-1] + b"," + again[1:]
    path = draw(st.sampled_from(_paths(value)[1:]))
    marked = json.dumps(_replaced(value, path, "@here@")).encode()
    return marked.replace(b'"@here@"', draw(st.sampled_from(RAW)))


HUGE = [
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\x91" * 5000, b"\xc1", b"\xd6\xff\0\0\0\1", b"\xc7\x01\x05a",
]  # fmt: skip
"""MessagePack headers that announce four billion items, nest deeply, or have types that JSON lacks."""


@st.composite
def broken_msgpack(draw: st.DrawFn, data: bytes) -> bytes:
    """Corrupt the content of MessagePack, or its bytes."""
    kind = draw(st.sampled_from(["value", "value", "value", "bytes", "huge"]))
    if kind == "bytes":
        return draw(broken_bytes(data))
    if kind == "huge":
        at = draw(st.integers(0, len(data)))
        return data[:at] + draw(st.sampled_from(HUGE)) + data[at:]
    return packed(draw(broken_value(msgspec.msgpack.decode(data))))


def packed(value: Any) -> bytes:
    """Encode. Integers that are too large for MessagePack become its largest."""
    return msgspec.msgpack.encode(_fitting(value))


def _fitting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _fitting(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fitting(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**63), min(2**64 - 1, value))
    return value
