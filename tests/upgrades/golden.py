"""Reads the golden files."""

import zlib
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.streams.fold.protocol import Record

FOLDER = Path(__file__).parent / "golden"
FORMAT_1 = "format-1"
FORMAT_2 = "format-2-f91deb0"
Logs = dict[str, list[Record]]


def read(name: str, folder: str = FORMAT_1) -> Any:
    return msgspec.msgpack.decode(zlib.decompress((FOLDER / folder / f"{name}.zz").read_bytes()))


def configuration(folder: str = FORMAT_1) -> list[tuple[str, bytes, bytes]]:
    return [tuple(each) for each in read("configuration", folder)]


def source(folder: str = FORMAT_1) -> Logs:
    return _logs(read("source", folder))


def crashed(folder: str = FORMAT_1) -> tuple[int, dict[str, bytes], Logs]:
    """Return the round, the checkpoints, and the records of all topics except the input."""
    found = read("crashed", folder)
    return found["round"], found["checkpoints"], _logs(found["logs"])


def moments(folder: str) -> list[tuple[int, dict[str, bytes], Logs]]:
    """Return the same at several rounds of an undisturbed process."""
    found = read("undisturbed", folder)
    logs = _logs(found["logs"])
    return [
        (
            moment["round"],
            moment["checkpoints"],
            {name: logs[name][:length] for name, length in moment["lengths"].items()},
        )
        for moment in found["moments"]
    ]


def undisturbed(folder: str) -> Logs:
    """Return the records of all topics except the input, at the end."""
    return _logs(read("undisturbed", folder)["logs"])


def final(folder: str = FORMAT_1) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read("final", folder)
    return found


def _logs(found: dict[str, Any]) -> Logs:
    return {name: [_record(*each) for each in log] for name, log in found.items()}


def _record(offset: int, timestamp: int, key: bytes, value: bytes, headers: list[list[Any]]) -> Record:
    return Record(offset, timestamp, key, value, tuple((name, content) for name, content in headers))
