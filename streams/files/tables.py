"""Reads Parquet, CSV and NDJSON files row by row, each row with its place in the file."""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from watchkeeper.streams.errors import UserError

__all__ = ["Line", "read_lines", "row_count"]

Type = Literal["number", "integer", "category", "boolean"]
_BATCH_ROWS = 5_000
"""Number of rows of a Parquet file that are decoded at once. Chosen by hand; more rows need more memory."""
_MISSING = frozenset(("", "NA", "N/A", "NaN", "nan", "null", "None"))
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


class Line(NamedTuple):
    """One row of a file, or the error that makes it unusable."""

    number: int
    """The row counted from 1; in CSV and NDJSON, the line of the file on which the row ends."""
    row: dict[str, Any] | None
    error: str = ""
    text: bytes = b""
    """The line as it is in the file; NDJSON only."""


def read_lines(path: Path, types: Mapping[str, Type]) -> Iterator[Line]:
    """Yield the rows of a file, in order.

    Args:
        path: The file. Its suffix decides the format.
        types: The types of the columns of a CSV file. For other columns each cell's type is guessed.

    Raises:
        UserError: if the file can't be read or its suffix is unknown.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: unknown type of file; its name should end in {', '.join(_READERS)}")
    try:
        yield from reader(path, types)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: can't be read: {error}") from None


def row_count(path: Path) -> int | None:
    """Return how many rows a file has; None if that is unknown until the file is read."""
    try:
        return int(pq.read_metadata(path).num_rows) if path.suffix.lower() == ".parquet" else None
    except (OSError, pa.ArrowException):
        return None  # reading the file reports the error


def _read_parquet(path: Path, _: Mapping[str, Type]) -> Iterator[Line]:
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield Line(number, row)


def _read_ndjson(path: Path, _: Mapping[str, Type]) -> Iterator[Line]:
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            line = text.strip()
            if line:
                yield _json_line(number, line)


def _json_line(number: int, text: bytes) -> Line:
    try:
        row = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Line(number, None, f"is not valid JSON: {error}", text)
    if not isinstance(row, dict):
        return Line(number, None, "is not a JSON object", text)
    return Line(number, row, "", text)


def _read_csv(path: Path, types: Mapping[str, Type]) -> Iterator[Line]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        names = next(reader, [])
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(f"{path}: the column {duplicates[0]!r} appears twice; rename one of them")
        parsers = [_PARSERS[types[name]] if name in types else _guess for name in names]
        for cells in reader:
            if len(cells) == len(names):
                parsed = [parse(cell) for parse, cell in zip(parsers, cells, strict=True)]
                yield Line(reader.line_num, dict(zip(names, parsed, strict=True)))
            elif cells:
                error = f"has {len(cells)} cells, but the header has {len(names)}"
                yield Line(reader.line_num, None, error)


def _number(text: str) -> Any:
    if text in _MISSING:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text  # counted as a value of a wrong type


def _boolean(text: str) -> Any:
    return None if text in _MISSING else _BOOLEANS.get(text.lower(), text)


def _category(text: str) -> str | None:
    return text or None  # "NA" is a category: the code of Namibia


def _guess(text: str) -> Any:
    value = _number(text)
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


_PARSERS: dict[Type, Callable[[str], Any]] = {
    "number": _number,
    "integer": _number,
    "boolean": _boolean,
    "category": _category,
}
_READERS: dict[str, Callable[[Path, Mapping[str, Type]], Iterator[Line]]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".ndjson": _read_ndjson,
    ".jsonl": _read_ndjson,
}
