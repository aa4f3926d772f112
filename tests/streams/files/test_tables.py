"""The same table gives the same rows as Parquet, CSV and NDJSON, each with its place in the file."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.tables import Type, read_lines, row_count

TYPES: dict[str, Type] = {"number": "number", "whole": "integer", "code": "category", "flag": "boolean"}
# Texts that CSV can distinguish from a missing value, which is an empty cell.
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
            "whole": st.none() | st.integers(-(2**53), 2**53),
            "code": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
            "flag": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=30,
)
SCHEMA = pa.schema({"number": pa.float64(), "whole": pa.int64(), "code": pa.string(), "flag": pa.bool_()})


def write(folder: Path, rows: list[dict[str, Any]]) -> list[Path]:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, folder / "rows.parquet")
    pyarrow.csv.write_csv(table, folder / "rows.csv")
    (folder / "rows.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [folder / name for name in ("rows.parquet", "rows.csv", "rows.ndjson")]


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_all_formats_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    for path in write(tmp_path_factory.mktemp("tables"), rows):
        assert [line.row for line in read_lines(path, TYPES)] == rows, path.suffix


def test_rows_are_numbered_as_an_editor_would(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('code,number\n"two\nlines",1\nlast,2\n')
    assert [line.number for line in read_lines(tmp_path / "a.csv", TYPES)] == [3, 4]
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert [line.number for line in read_lines(tmp_path / "a.jsonl", TYPES)] == [1, 3]


@pytest.mark.parametrize(
    ("column", "cells", "values"),
    [
        ("number", ["1", "1.5", "-2e3", "", "NA", "NaN", "null", "wet", "inf"],
         [1, 1.5, -2000.0, None, None, None, None, "wet", float("inf")]),
        ("whole", ["3", "3.0", "3.5", "x"], [3, 3.0, 3.5, "x"]),
        ("flag", ["true", "False", "1", "0", "", "NA", "maybe"],
         [True, False, True, False, None, None, "maybe"]),
        ("code", ["NA", "007", "true", ""], ["NA", "007", "true", None]),
        ("undeclared", ["007", "1.5", "TRUE", "AA", "NA"], [7, 1.5, True, "AA", None]),
    ],
)  # fmt: skip
def test_cells_are_read_as_declared(
    tmp_path: Path, column: str, cells: list[str], values: list[object]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{column},other\n" + "".join(f"{cell},\n" for cell in cells))
    found = [line.row[column] for line in read_lines(path, TYPES) if line.row is not None]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


def test_bad_lines_have_their_reason_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(b'{"a": 1}\n{"a": \n[1]\n"\xff"\n' + b"[" * 100_000 + b'\n{"a": 2}\n')
    lines = list(read_lines(tmp_path / "a.ndjson", TYPES))
    assert [line.row for line in lines] == [{"a": 1}, None, None, None, None, {"a": 2}]
    assert all(line.error.startswith("is not") for line in lines[1:5])
    (tmp_path / "a.csv").write_text("a,b\n1,2\n1\n\n1,2,3\n")
    errors = [line.error for line in read_lines(tmp_path / "a.csv", TYPES)]
    assert errors == ["", "has 1 cells, but the header has 2", "has 3 cells, but the header has 2"]


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfcode\nUA\n")
    assert [line.row for line in read_lines(tmp_path / "a.csv", TYPES)] == [{"code": "UA"}]


def test_what_arrow_knows_comes_as_python_values(tmp_path: Path) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "time": pa.array([at], pa.timestamp("us", "UTC")),
            "code": pa.array(["UA"]).dictionary_encode(),
            "money": pa.array([Decimal("1.50")]),
            "nested": pa.array([{"a": 1.0}]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (line,) = read_lines(tmp_path / "a.parquet", {})
    assert line.row == {"time": at, "code": "UA", "money": Decimal("1.50"), "nested": {"a": 1.0}}


def test_only_parquet_knows_its_rows_beforehand(tmp_path: Path) -> None:
    parquet, csv, _ = write(tmp_path, [{"code": "a"}] * 7)
    assert row_count(parquet) == 7
    assert row_count(csv) is None
    assert row_count(tmp_path / "nowhere.parquet") is None


@pytest.mark.parametrize("name", ["a.txt", "a", "nowhere.csv", "nowhere.parquet", "nowhere.ndjson"])
def test_a_file_that_can_not_be_read_is_the_users_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=name):
        list(read_lines(tmp_path / name, TYPES))
