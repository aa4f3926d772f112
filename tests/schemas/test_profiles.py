import json
from pathlib import Path

import msgspec
import pytest

from watchkeeper.schemas.profiles import Pane, RowsCounts, ToEvaluate, Watermark

GOLDEN = Path(__file__).parent / "golden"
MESSAGES = {
    "pane": Pane("delays", "7", "origin=EWR", "predictions", 0, 300_000, "0a1b", 12, b"counts"),
    "watermark": Watermark(
        "ingest/3", 1_700_000_000_000, {"labels": {"delays": 299_999}}, {"features": ["weather"]}
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_reads_back_as_what_it_was(name):
    data = msgspec.msgpack.encode(MESSAGES[name])
    assert msgspec.msgpack.decode(data, type=ToEvaluate) == MESSAGES[name]


@pytest.mark.parametrize("name", MESSAGES)
def test_the_fields_of_a_message_are_pinned(name):
    written = json.loads(msgspec.json.encode(MESSAGES[name]))
    assert written == json.loads((GOLDEN / f"{name}.json").read_text())


def test_counts_without_spans_can_be_read():
    old = msgspec.msgpack.encode([1, 0, 0, None, None, [], [], []])
    assert msgspec.msgpack.decode(old, type=RowsCounts).spans is None
