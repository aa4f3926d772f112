"""The records of the rows of a file, and when each of them is due."""

import json
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.streams.cli.cli_runs import MONITOR, rows, write_csv
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.files.publishing import BadRow, Outgoing, PublishingPace, outgoing
from watchkeeper.streams.files.rows import RowMapping

FLIGHTS = Monitor.model_validate(yaml.safe_load(MONITOR))
GOLDEN = Path(__file__).parents[2] / "schemas" / "golden" / "events"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: str(path.stem))
def test_an_event_of_ndjson_goes_as_it_is_with_its_key(tmp_path: Path, path: Path) -> None:
    document = json.loads(path.read_text())
    (tmp_path / "events.ndjson").write_text(document["value"] + "\n")
    kind: Kind = document["topic"]
    (sent,) = outgoing(tmp_path / "events.ndjson", kind, RowMapping(kind, None))
    assert isinstance(sent, Outgoing)
    assert (sent.value.decode(), sent.key.decode()) == (document["value"], document["key"])
    structured = "structured" in path.name
    assert [name for name, _ in sent.headers] == (["content-type"] if structured else [])


def test_a_row_without_a_label_is_skipped_among_labels(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "rows.csv", rows(8))
    sent = list(outgoing(path, "labels", RowMapping("labels", FLIGHTS)))
    assert [record.key for record in sent if isinstance(record, Outgoing)] == [
        b"p1", b"p2", b"p3", b"p5", b"p6", b"p7",
    ]  # fmt: skip


def test_a_bad_row_is_reported_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    table = rows(4)
    table[1]["event_time"] = ""
    table[2]["score"] = "2"
    path = write_csv(tmp_path / "rows.csv", table)
    sent = list(outgoing(path, "predictions", RowMapping("predictions", FLIGHTS)))
    assert sent[1:3] == [
        BadRow(3, "Object missing required field `event_time`"),
        BadRow(4, "the score is 2.0; it must be from 0 to 1"),
    ]
    assert isinstance(sent[0], Outgoing)
    assert isinstance(sent[3], Outgoing)


def test_the_time_of_a_record_is_that_of_its_event(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "rows.csv", rows(2))
    kinds: dict[Kind, list[int]] = {
        "predictions": [1_767_225_600_000, 1_767_229_260_000],
        "labels": [1_767_312_000_000],
    }
    for kind, times in kinds.items():
        sent = outgoing(path, kind, RowMapping(kind, FLIGHTS))
        assert [record.time_ms for record in sent if isinstance(record, Outgoing)] == times


def test_values_that_json_does_not_have_are_written_as_null(tmp_path: Path) -> None:
    table = rows(1)
    table[0]["distance"] = "inf"
    path = write_csv(tmp_path / "rows.csv", table)
    (sent,) = outgoing(path, "predictions", RowMapping("predictions", FLIGHTS))
    assert isinstance(sent, Outgoing)
    assert msgspec.json.decode(sent.value)["features"]["distance"] is None


@given(
    times=st.lists(st.integers(0, 10**9), min_size=2, max_size=50).map(sorted),
    speed=st.floats(0.1, 1e6),
)
def test_event_time_passes_at_the_speed_that_was_asked_for(times: list[int], speed: float) -> None:
    pace, now = PublishingPace(speed), 50.0
    for time in times:
        now += pace.wait_seconds(time, now)
    assert now - 50.0 == pytest.approx((times[-1] - times[0]) / 1000 / speed, rel=1e-6, abs=1e-6)


def test_an_event_that_is_overdue_or_out_of_order_is_sent_at_once() -> None:
    pace = PublishingPace(1.0)
    assert pace.wait_seconds(10_000, 0.0) == 0.0
    assert pace.wait_seconds(11_000, 5.0) == 0.0
    assert pace.wait_seconds(0, 5.0) == 0.0
    assert pace.wait_seconds(17_000, 5.0) == 2.0
