"""Each row of a file becomes an event or has a reason. A file that can't be read gives one sentence."""

import io
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import ODD_NUMBERS, broken_bytes, broken_json, odd
from tests.streams.ingest.test_stage import MONITOR, at, label, prediction
from watchkeeper.streams.errors import UserError
from watchkeeper.streams.files.publishing import BadRow, Outgoing, outgoing
from watchkeeper.streams.files.rows import RowMapping
from watchkeeper.streams.files.tables import read_lines, row_count

SEEN: Counter[str] = Counter()
HEAD = b"prediction_id,event_time,age,income,country,member,score\n"
CSV = HEAD + f'p1,{at(1)},3,1.5,NL,true,0.5\np2,{at(2)},x,,"B,E",0,1e400\n'.encode()


def _parquet() -> bytes:
    columns = {
        "prediction_id": ["a", None],
        "event_time": [at(1), at(2)],
        "age": [1, 2],
        "score": [0.5, None],
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


PARQUET = _parquet()
ndjson = st.lists(
    st.one_of(broken_json(prediction(1, 1)), st.just(json.dumps(prediction(2, 2)).encode()))
).map(b"\n".join)
cell = st.one_of(odd.map(str), st.sampled_from(ODD_NUMBERS).map(repr), st.just(at(1)), st.just('"'))
csv = st.one_of(
    broken_bytes(CSV),
    st.lists(st.lists(cell, min_size=5, max_size=8).map(",".join)).map(
        lambda x: HEAD + "\n".join(x).encode()
    ),
)
files = st.one_of(
    st.tuples(st.just("x.csv"), csv),
    st.tuples(st.just("x.ndjson"), ndjson),
    st.tuples(st.just("x.parquet"), broken_bytes(PARQUET)),
    st.just(("x.parquet", PARQUET)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.filterwarnings("ignore")
@given(given=files)
def test_each_row_is_an_event_or_has_its_reason(folder: Path, given: tuple[str, bytes]) -> None:
    path = folder / given[0]
    path.write_bytes(given[1])
    mapping = RowMapping("predictions", MONITOR)
    try:
        row_count(path)
        found = list(outgoing(path, "predictions", mapping))
        lines = list(read_lines(path, mapping.types()))
    except UserError:
        SEEN["refused"] += 1
        return
    assert len(found) == len(lines)
    for each in found:
        SEEN[type(each).__name__] += 1
        assert isinstance(each, Outgoing) or (isinstance(each, BadRow) and each.why)


@given(given=broken_json(label(1, 5)))
def test_a_label_is_published_or_has_its_reason(folder: Path, given: bytes) -> None:
    path = folder / "labels.ndjson"
    path.write_bytes(given.replace(b"\n", b" "))
    for each in outgoing(path, "labels", RowMapping("labels", MONITOR)):
        assert isinstance(each, Outgoing | BadRow)


def test_that_was_not_vacuous() -> None:
    if not SEEN:
        pytest.skip("the other tests of this file did not run")
    assert min(SEEN["Outgoing"], SEEN["BadRow"], SEEN["refused"]) > 3, SEEN
