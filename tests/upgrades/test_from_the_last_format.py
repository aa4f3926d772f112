"""This program continues exactly from the last format, and the program of that format from this one's."""

import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.upgrades import golden
from tests.upgrades.old_code import go_on
from tests.upgrades.world import Memory, live, outcome, registry, wire
from watchkeeper.schemas.alerts import Alert
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.profiles import ToEvaluate
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.fold import formats

CHANGED: dict[str, set[str]] = {
    "rejected": {"message"},
    "statistics": {"monitor_revision"},
    "retraining": {"reasons"},
}
"""Fields that are new, or have a new wording, since format 1, by topic."""
MEASURES = ("psi", "psi_excess", "jensen_shannon", "hellinger", "total_variation", "wasserstein")
DROPPED = {"orphan_labels", *MEASURES, *(f"prediction_{name}" for name in MEASURES)}
"""Statistics that were removed (an orphan belongs to no version and window) or are measured better now."""
COMPARED_OTHERWISE = {"missing", "wrong_type", "out_of_range"}
"""Checks that compare only with the reference now; before, they compared with recent windows too."""
REWORDED = {"summary", "description", "action", "resolution"}
"""Annotations whose wording has changed since. The labels still identify the alert."""


def _memory(written: int = formats.NEWEST, **more: Any) -> Memory:
    memory = Memory(
        lambda _, checkpoint: wire.encode(checkpoint, written),
        lambda source, value: wire.decode(value, source),
        lambda source, sequence: formats.headers(source, sequence, written),
        **more,
    )
    memory.logs = golden.source()
    return memory


def _as_it_crashed(written: int = formats.NEWEST) -> Memory:
    memory = _memory(written)
    memory.round, memory.checkpoints, logs = golden.crashed()
    memory.logs |= logs
    return memory


def as_before(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Remove everything that was changed on purpose since."""
    kept = {
        topic: {key: _without(each, CHANGED.get(topic, set())) for key, each in found.items()}
        for topic, found in records.items()
    }
    for window in kept["statistics"].values():
        window["statistics"] = [
            _rounded(each) for each in window["statistics"] if each["name"] not in DROPPED
        ]
    for told in (*kept["alerts"].values(), *kept["notices"].values()):
        told["labels"] = _without(told["labels"], {"environment"})
    for alert in kept["alerts"].values():
        alert["annotations"] = _without(alert["annotations"], REWORDED)
        alert["evidence"] = [_without(each, {"explanation"}) for each in alert["evidence"]]
        if any(each["check"] in COMPARED_OTHERWISE for each in alert["evidence"]):
            alert["evidence"] = [_without(each, {"p_value"}) for each in alert["evidence"]]
            alert["annotations"] = _without(alert["annotations"], {"evidence"})
    return kept


def _rounded(statistic: dict[str, Any]) -> dict[str, Any]:
    """Remove the last digits: another processor may sum in another order."""
    return {
        key: float(f"{each:.12g}") if isinstance(each, float) else each for key, each in statistic.items()
    }


def _without(record: dict[str, Any], fields: set[str]) -> dict[str, Any]:
    return {field: value for field, value in record.items() if field not in fields}


@pytest.fixture(scope="module")
def registered() -> Any:
    return registry(golden.configuration())


@pytest.mark.parametrize("written", [1, 2])
def test_from_old_checkpoints_the_end_is_that_of_the_old_code(registered: Any, written: int) -> None:
    memory = _as_it_crashed(written)
    before = {name: len(log) for name, log in memory.logs.items()}
    live(memory, registered)
    assert as_before(outcome(memory)) == as_before(golden.final())
    # Not vacuous: the same partitions hold records of both formats, and both were folded.
    new = [memory.logs[name][before[name] :] for name in ("profiles/1", "findings/1", "alerts/1")]
    assert all(new)
    assert {formats.origin(record.headers).format for log in new for record in log} == {written}


def test_each_stage_and_partition_had_a_checkpoint_with_state_and_some_owed_outputs() -> None:
    _, checkpoints, _ = golden.crashed()
    found = {name: wire.decode(value, name) for name, value in checkpoints.items()}
    assert {"ingest/0", "ingest/1", "evaluate/0", "evaluate/1", "page/1", "notify/1"} <= set(found)
    assert all(len(each.state) > 100 for each in found.values())
    assert found["ingest/1"].outbox
    assert {each.source for each in found.values()} == set(found)
    versions = {msgspec.msgpack.decode(zlib.decompress(value))["version"] for value in checkpoints.values()}
    assert versions == {1}


def test_an_undisturbed_run_publishes_the_same_as_in_the_old_format(registered: Any) -> None:
    assert as_before(outcome(live(_memory(), registered))) == as_before(golden.final())


DECODERS = {
    "profiles": msgspec.msgpack.Decoder(ToEvaluate).decode,
    "findings": msgspec.msgpack.Decoder(WindowFindings).decode,
    "statistics": msgspec.json.Decoder(WindowStatistics).decode,
    "rejected": msgspec.msgpack.Decoder(Rejection).decode,
    "alerts": Alert.model_validate_json,
    "retraining": RetrainingRequest.model_validate_json,
}


def test_every_record_of_the_old_format_is_read(registered: Any) -> None:
    _, _, logs = golden.crashed()
    read = {name.split("/")[0]: 0 for name in logs}
    for name, log in logs.items():
        topic = name.split("/")[0]
        if topic == "notify":  # not a topic, but the input of the receiver
            continue
        for record in log:
            DECODERS[topic](record.value)
            read[topic] += 1
    assert read["profiles"] > 1000
    assert min(read[topic] for topic in ("findings", "statistics", "rejected", "alerts")) > 0


def test_the_old_code_continues_from_what_this_one_wrote_for_it(registered: Any, tmp_path: Path) -> None:
    memory = live(_memory(1), registered, until=6)
    ended = go_on(golden.FORMAT_1, memory, tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = msgspec.msgpack.decode((tmp_path / "told").read_bytes())
    assert told["version"] == 1, "that was not the old code"
    assert as_before(told["outcome"]) == as_before(golden.final())


def test_the_old_code_refuses_what_was_not_written_for_it(registered: Any, tmp_path: Path) -> None:
    memory = live(_memory(2), registered, until=6)
    ended = go_on(golden.FORMAT_1, memory, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "checkpoint has format 2, this program reads 1"
