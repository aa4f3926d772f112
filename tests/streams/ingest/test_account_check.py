"""The account adds up, whatever is published; and a record without an outcome is found."""

import json

import pytest
from prometheus_client import CollectorRegistry

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.observed import observe_ingest
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.metrics.metrics import Metrics

NOW_MS = 1_800_000_000_000
MONITOR = Monitor.model_validate(
    {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {"age": {"type": "number"}},
        "labels": {"expected_within": "PT2M"},
    }
)


def prediction(number: int, ago_ms: int = 0, **fields: object) -> bytes:
    event = {
        "prediction_id": f"p{number}",
        "model": "risk",
        "model_version": "1",
        "event_time": (NOW_MS - ago_ms),
        "features": {"age": number},
        "prediction": {"score": 0.5},
    }
    return json.dumps(event | fields).encode()


def label(number: int, **fields: object) -> bytes:
    event = {"prediction_id": f"p{number}", "model": "risk", "label": 1, "label_time": NOW_MS}
    return json.dumps(event | fields).encode()


PREDICTIONS = [
    *(prediction(n) for n in range(20)),
    *(prediction(n) for n in range(5)),  # repeats
    *(prediction(100 + n, ago_ms=3_600_000) for n in range(5)),  # late
    *(prediction(200 + n, model="unwatched") for n in range(3)),
    *(prediction(300 + n, event_time=NOW_MS + 7_200_000) for n in range(2)),
    b"", b"{", b"[]", b"null", b"\xff\xfe",
]  # fmt: skip
LABELS = [
    *(label(n) for n in range(10)),
    *(label(n) for n in range(3)),  # corrections
    label(1000),  # of no prediction
    label(2, model=None),
    label(3, model="unwatched"),
    label(4, label="yes"),
    b"", b"{", b"0",
]  # fmt: skip


def made() -> IngestFold:
    return IngestFold(0, 1, Registry.fixed({"risk": Watched(MONITOR, {})}))


def fold_all(fold: IngestFold, size: int, first: int = 0) -> None:
    for topic, values in (("predictions", PREDICTIONS), ("labels", LABELS), ("features", [b"", b"{}"])):
        records = [Record(first + n, NOW_MS, None, value) for n, value in enumerate(values)]
        for start in range(0, len(records), size):
            fold.fold(topic, records[start : start + size], NOW_MS)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_record_has_one_outcome_in_any_chunks_and_after_a_restart(size: int) -> None:
    fold = made()
    fold_all(fold, size)
    assert fold.check.differences(fold.partition.accounts) == dict.fromkeys(fold.partition.accounts, 0)
    again = made()
    again.restore(fold.snapshot())
    fold_all(again, size, first=1000)
    assert again.check.differences(again.partition.accounts) == dict.fromkeys(again.partition.accounts, 0)
    assert again.partition.accounts["predictions"].total == 2 * len(PREDICTIONS)


@pytest.mark.parametrize("topic", ["predictions", "labels", "features"])
@pytest.mark.parametrize("value", [b"{}", b'{"x": 1}', b"[]", b"null", b'{"model": null}'])
def test_an_event_that_names_nothing_is_rejected_while_there_is_no_monitor(topic: str, value: bytes) -> None:
    fold = IngestFold(0, 1, Registry.fixed({}))
    fold.fold(topic, [Record(0, NOW_MS, None, value)], NOW_MS)
    assert fold.partition.accounts[topic].rejected == 1


def test_a_record_without_an_outcome_is_shown() -> None:
    fold, metrics = made(), Metrics(CollectorRegistry())
    fold_all(fold, 7)
    fold.partition.accounts["predictions"].accepted -= 3
    observe_ingest(metrics, 0, fold)
    shown = metrics.registry.get_sample_value
    place = {"topic": "predictions", "partition": "0"}
    assert shown("watchkeeper_account_difference_records", place) == 3
    assert shown("watchkeeper_account_difference_records", {**place, "topic": "labels"}) == 0
