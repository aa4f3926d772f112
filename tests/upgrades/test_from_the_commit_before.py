"""Checkpoints and records of commit f91deb0 are read. The run ends with the same statistics and alerts.

f91deb0 is the last commit before all imports began with `watchkeeper.`. It wrote format 2.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.upgrades import golden
from tests.upgrades.old_code import go_on
from tests.upgrades.world import SETTINGS, Memory, live, outcome, registry, wire
from watchkeeper.schemas.alerts import Alert, Notice
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.profiles import ToEvaluate
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.schemas.retraining import RetrainingRequest
from watchkeeper.schemas.revisions import MonitorRecord, ReferenceRecord
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.fold import formats
from watchkeeper.streams.fold.parts import Assembly
from watchkeeper.streams.stages import stages

THEN = golden.FORMAT_2
TEXTS = {
    "rejected": {"message"},
    "retraining": {"reasons"},
    "alerts": {"summary", "description", "action", "explanation", "resolution"},
}
"""Fields with sentences for people, by topic. Their wording may change."""
NEW = {"prediction_wrong_type_ratio"}
"""Statistics that are new since."""
OTHERWISE = {"VolumeChange"}
"""Alerts of checks that are made in another way since: traffic is that of all versions together."""
OLD_TRAFFIC = {"ratio", "segment", "fewest_before", "p_value"}
"""Fields in the evidence of the old check of traffic, whose state is dropped."""
MOMENTS = ("after 25 rounds", "after 50 rounds", "after 75 rounds", "at the crash")


def _memory(moment: str | None = None) -> Memory:
    memory = Memory(
        lambda _, checkpoint: wire.encode(checkpoint),
        lambda source, value: wire.decode(value, source),
        formats.headers,
    )
    memory.logs = golden.source(THEN)
    if moment is not None:
        found = dict(zip(MOMENTS, [*golden.moments(THEN), golden.crashed(THEN)], strict=True))
        memory.round, memory.checkpoints, logs = found[moment]
        memory.logs |= logs
    return memory


def _comparable(told: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Remove sentences, and the last digits of numbers, which differ between processors."""
    comparable = {topic: _without(found, TEXTS.get(topic, set())) for topic, found in told.items()}
    for topic in ("alerts", "notices"):
        found = comparable[topic].items()
        comparable[topic] = {k: v for k, v in found if v["labels"]["alertname"] not in OTHERWISE}
    for each in (*comparable["alerts"].values(), *comparable["notices"].values()):
        each["labels"].pop("environment", None)  # a label that is new
    for each in comparable["statistics"].values():
        each["statistics"] = [one for one in each["statistics"] if one["name"] not in NEW]
    return comparable | {"alerts": _without_rewordings(comparable["alerts"])}


def _without_rewordings(alerts: dict[str, Any]) -> dict[str, Any]:
    """Remove updates of an open alert in which nothing but its wording has changed."""
    kept: dict[str, Any] = {}
    newest: dict[str, Any] = {}
    for key in sorted(alerts):
        content = {name: value for name, value in alerts[key].items() if name != "updated_at"}
        if newest.get(content["fingerprint"]) != content:
            kept[key] = alerts[key]
        newest[content["fingerprint"]] = content
    return kept


def _without(value: Any, texts: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, texts) for name, each in value.items() if name not in texts}
    if isinstance(value, list):
        return [_without(each, texts) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


@pytest.fixture(scope="module")
def registered() -> Any:
    return registry(golden.configuration(THEN))


@pytest.mark.parametrize("moment", MOMENTS)
def test_from_its_checkpoints_the_end_is_the_same(registered: Any, moment: str) -> None:
    memory = _memory(moment)
    before = {name: len(log) for name, log in memory.logs.items()}
    live(memory, registered)
    assert _comparable(outcome(memory)) == _comparable(golden.final(THEN))
    assert all(len(memory.logs[name]) > before[name] for name in ("profiles/1", "statistics/1"))


def test_from_the_beginning_the_end_is_the_same(registered: Any) -> None:
    assert _comparable(outcome(live(_memory(), registered))) == _comparable(golden.final(THEN))


def _without_new(value: bytes) -> bytes:
    window = msgspec.json.decode(value)
    window["statistics"] = [each for each in window["statistics"] if each["name"] not in NEW]
    return msgspec.json.encode(window)


def _statistics(memory: Memory) -> dict[str, list[bytes]]:
    return {
        name: sorted(_without_new(record.value or b"{}") for record in log)
        for name, log in memory.logs.items()
        if name.startswith("statistics/")
    }


def test_on_this_machine_the_statistics_are_the_same_to_the_byte(registered: Any, tmp_path: Path) -> None:
    moment = MOMENTS[1]
    ended = go_on(THEN, _memory(moment), tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = msgspec.msgpack.decode((tmp_path / "told").read_bytes())
    assert told["version"] == 2
    assert _statistics(live(_memory(moment), registered)) == {
        name: sorted(values) for name, values in told["statistics"].items()
    }


def test_the_old_code_continues_from_what_this_code_wrote(registered: Any, tmp_path: Path) -> None:
    ended = go_on(THEN, live(_memory(), registered, until=12), tmp_path)
    assert ended.returncode == 0, ended.stderr
    told = msgspec.msgpack.decode((tmp_path / "told").read_bytes())
    found = _comparable(told["outcome"])
    # The old code does not know the accounts of rejected events, and puts them aside.
    aside = {name for name in found["rejected"] if name.startswith("profiles/")}
    assert {found["rejected"].pop(name)["reason"] for name in aside} <= {"unreadable"}
    assert found == _comparable(golden.final(THEN))


def test_the_world_of_the_golden_files_is_rich() -> None:
    final = golden.final(THEN)
    alerts = {(each["labels"]["alertname"], each["status"]) for each in final["alerts"].values()}
    names = {name for name, _ in alerts}
    assert {"FeatureDrift", "FeatureMissing", "FeatureUnitChange", "ModelPerformanceDegraded"} == names
    assert {"firing", "resolved"} == {status for _, status in alerts}
    windows = final["statistics"].values()
    assert {0, 1, 2, 3} == {each["monitor_revision"] for each in windows}
    assert {"risk", "price", "weather", "watchkeeper-canary"} == {each["subject"] for each in windows}
    assert {None, "country", "channel"} == {(each["segment"] or "").split("=")[0] or None for each in windows}
    assert {"risk", "price"} == {each["model"] for each in final["retraining"].values()}
    assert len({each["reason"] for each in final["rejected"].values()}) == 4


def test_each_checkpoint_is_read_and_some_owe_outputs() -> None:
    owed, seen = 0, set()
    for _, checkpoints, _ in [*golden.moments(THEN), golden.crashed(THEN)]:
        found = {name: wire.decode(value, name) for name, value in checkpoints.items()}
        seen |= set(found)
        owed += sum(len(each.outbox) for each in found.values())
    assert owed > 0
    assert seen == {f"{stage}/{n}" for stage in ("ingest", "evaluate", "page", "notify") for n in (0, 1)}


def _fields(value: Any) -> set[str]:
    """Return the keys of all maps in a decoded value, as far as they can be names of fields."""
    if isinstance(value, dict):
        return {key for key in map(str, value) if key.isidentifier()}.union(*map(_fields, value.values()))
    return set().union(*map(_fields, value)) if isinstance(value, list) else set()


def test_a_state_is_written_with_the_field_names_that_it_was_read_with(registered: Any) -> None:
    bound, seen = {stage.name: stage for stage in stages(SETTINGS, registered)}, set()
    for _, checkpoints, _ in [*golden.moments(THEN), golden.crashed(THEN)]:
        for name, value in checkpoints.items():
            stage, number = name.split("/")
            state = wire.decode(value, name).state
            fold = bound[stage].fold(int(number))
            fold.restore(state)
            before, after = (_fields(msgspec.msgpack.decode(each)) for each in (state, fold.snapshot()))
            assert after >= before - OLD_TRAFFIC, name  # fields are added, never renamed
            seen |= before
    assert {"told_ms", "heard_ms", "course", "lanes", "resolved_ms"} <= seen


def test_a_checkpoint_in_parts_is_put_together() -> None:
    assembly = Assembly()
    parts = golden.read("parts", THEN)
    for key, value in parts:
        assembly.see(key, value)
    assert len(parts) > 2
    assert assembly.values == {b"evaluate/1": golden.crashed(THEN)[1]["evaluate/1"]}


DECODERS = {
    "profiles": msgspec.msgpack.Decoder(ToEvaluate).decode,
    "findings": msgspec.msgpack.Decoder(WindowFindings).decode,
    "statistics": msgspec.json.Decoder(WindowStatistics).decode,
    "rejected": msgspec.msgpack.Decoder(Rejection).decode,
    "alerts": Alert.model_validate_json,
    "retraining": RetrainingRequest.model_validate_json,
    "notify": Notice.model_validate_json,
    "monitors": MonitorRecord.decode,
    "references": ReferenceRecord.decode,
}


def test_every_record_of_every_topic_is_read() -> None:
    read = Counter[str]()
    for topic, _, value in golden.configuration(THEN):
        DECODERS[topic](value)
        read[topic] += 1
    for name, log in golden.undisturbed(THEN).items():
        topic = name.split("/")[0]
        for record in log:
            DECODERS[topic](record.value)
            if topic != "notify":
                assert formats.origin(record.headers).format == (1 if topic == "rejected" else 2)
            read[topic] += 1
    assert set(read) == set(DECODERS)
