"""Reads the golden files."""

import zlib
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.streams.fold.protocol import Record

FOLDER = Path(__file__).parent / "golden" / "format-1"


def read(name: str) -> Any:
    return msgspec.msgpack.decode(zlib.decompress((FOLDER / f"{name}.zz").read_bytes()))


def configuration() -> list[tuple[str, bytes, bytes]]:
    return [tuple(each) for each in read("configuration")]


def source() -> dict[str, list[Record]]:
    return _logs(read("source"))


def crashed() -> tuple[int, dict[str, bytes], dict[str, list[Record]]]:
    """Give the round, the checkpoints and the records of all topics but the source's."""
    found = read("crashed")
    return found["round"], found["checkpoints"], _logs(found["logs"])


def final() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read("final")
    return found


def _logs(found: dict[str, Any]) -> dict[str, list[Record]]:
    return {name: [_record(*each) for each in log] for name, log in found.items()}


def _record(offset: int, timestamp: int, key: bytes, value: bytes, headers: list[list[Any]]) -> Record:
    return Record(offset, timestamp, key, value, tuple((name, content) for name, content in headers))
