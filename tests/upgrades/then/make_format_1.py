"""Writes the golden files with the code that is on the path. See golden/README.md for how they were made."""

import json
import random
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from detectors.columns import Columns
from detectors.reference import build_reference
from world import PARTITIONS, MemoryOfThen, live, outcome, registry, wire

from schemas.monitors import Monitor
from streams.fold import Record

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = 100
PER_MINUTE = 36
LABEL_AFTER = 2 * PER_MINUTE
BROKEN = range(40, 62)
"""Minutes in which half of the incomes are missing."""
WRONG = range(76, 96)
"""Minutes whose labels contradict the model."""
CRASH_DELIVERY = 33
MONITORS = [
    Monitor.model_validate(
        {
            "model": "risk", "owner": {"team": "ml"}, "task": "binary-classification",
            "features": {
                "age": {"type": "integer", "range": [0, 120]}, "income": {"type": "number"},
                "country": {"type": "category"}, "member": {"type": "boolean"},
            },
            "segments": ["country"],
            "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT30S"},
            "labels": {
                "expected_within": "PT10M", "min_labels": 50, "metrics": {"log_loss": {"worse_by": 0.1}},
            },
            "retraining": {"cooldown": "PT6H", "data_window": "PT1H", "after_windows": 2, "min_labels": 100},
        }
    ),
    Monitor.model_validate(
        {
            "feature_view": "weather", "owner": {"team": "ml", "severity": "ticket"},
            "features": {"temp": {"type": "number", "range": [-50, 60]}},
            "windows": {"pane": "PT1M", "size": "PT10M", "every": "PT5M", "lateness": "PT30S"},
        }
    ),
]  # fmt: skip
GARBAGE = [b"\xff\xfe", b"", b'{"model": "risk", ', b"[]", b'{"model": "unknown"}', b'{"model": "risk"}']


def configuration() -> list[tuple[str, bytes, bytes]]:
    """Write the records of `monitors` and `references`."""
    rng = np.random.default_rng(1)
    n = 4000
    scores = rng.random(n).round(3)
    columns = Columns(
        n,
        np.stack([rng.integers(20, 80, n).astype(float), rng.normal(2000, 500, n).round()]),
        [rng.choice(["NL", "BE"], n).tolist(), rng.choice(["true", "false"], n).tolist()],
        scores=scores,
        latency_ms=rng.gamma(5, 2, n),
    )
    reference = build_reference(
        MONITORS[0],
        columns,
        {"country": columns.categories[0]},
        labels=(rng.random(n) < scores).astype(float),
        built_at_ms=7,
        times_ms=np.arange(n) * 60_000 // PER_MINUTE,
    )
    monitors = [("monitors", each.subject.encode(), each.model_dump_json().encode()) for each in MONITORS]
    return [*monitors, ("references", b"risk", reference.encode())]


def events() -> Iterator[tuple[str, int, bytes | None]]:
    """Give topic, partition and value, in order of time."""
    source = random.Random(5)  # noqa: S311
    said: list[tuple[str, float]] = []
    for n in range(MINUTES * PER_MINUTE):
        at = START + timedelta(seconds=60 * n / PER_MINUTE)
        said.append((at.isoformat(), round(source.random(), 3)))
        if n % 50 == 49:
            yield "predictions", n % PARTITIONS, source.choice([*GARBAGE, None])
        else:
            yield "predictions", n % PARTITIONS, json.dumps(_prediction(n, *said[n], source)).encode()
        if n % 53 == 7:  # published again
            yield "predictions", n % PARTITIONS, json.dumps(_prediction(n, *said[n], source)).encode()
        if n % 6 == 0:
            row = {"feature_view": "weather", "event_time": at.isoformat()}
            row["features"] = {"temp": round(source.gauss(10, 8), 1)}
            yield "features", n // 6 % PARTITIONS, json.dumps(row).encode()
        if n >= LABEL_AFTER:
            yield from _labels(n - LABEL_AFTER, at, said, source)


def _prediction(n: int, at: str, score: float, source: random.Random) -> dict[str, Any]:
    broken = n // PER_MINUTE in BROKEN and source.random() < 0.5
    features = {
        "age": source.randint(20, 79) if n % 41 else "old",
        "income": None if broken else round(source.gauss(2000, 500)),
        "country": source.choice(["NL", "BE"]) if n % 97 else "XX",
        "member": source.random() < 0.5,
    }
    event = {"prediction_id": f"p{n}", "model": "risk", "model_version": "1" if n % 9 else "2"}
    event |= {"event_time": at, "features": features, "prediction": {"score": score}}
    return {**event, "latency_ms": round(source.gammavariate(5, 2), 1)}


def _labels(
    n: int, at: datetime, said: list[tuple[str, float]], source: random.Random
) -> Iterator[tuple[str, int, bytes]]:
    truth = source.random() < said[n][1]
    if n // PER_MINUTE + LABEL_AFTER // PER_MINUTE in WRONG:
        truth = not truth
    told = {"prediction_id": f"p{n}", "model": "risk", "label": truth, "label_time": at.isoformat()}
    yield "labels", n % PARTITIONS, json.dumps(told).encode()
    if n % 61 == 3:
        later = (at + timedelta(seconds=20)).isoformat()
        changed = {**told, "label_time": later}
        changed |= {"retracted": True} if n % 2 else {"label": not truth}
        yield "labels", n % PARTITIONS, json.dumps(changed).encode()


def _source() -> dict[str, list[Record]]:
    logs: dict[str, list[Record]] = {}
    for topic, partition, value in events():
        log = logs.setdefault(f"{topic}/{partition}", [])
        log.append(Record(len(log), 1_772_323_200_000, b"k", value, ()))
    return logs


def _memory(source: dict[str, list[Record]], **more: Any) -> MemoryOfThen:
    memory = MemoryOfThen(**more)
    memory.logs = {name: list(log) for name, log in source.items()}
    return memory


def main(folder: Path) -> None:
    """Run once undisturbed and once up to a crash, and write both."""
    source, records = _source(), configuration()
    registered = registry(records)
    final = outcome(live(_memory(source), registered))
    deliveries = [0]

    def die_when(name: str, messages: Any) -> bool:
        # Between the save and the delivery, in the middle of the incident: the checkpoint owes its outbox.
        deliveries[0] += name == "ingest/1" and any(message.topic == "profiles" for message in messages)
        return deliveries[0] > CRASH_DELIVERY

    crashed = live(_memory(source, die_when=die_when), registered)
    logs = {name: log for name, log in crashed.logs.items() if name not in source}
    _write(folder / "source.zz", source)
    _write(folder / "configuration.zz", records)
    _write(folder / "crashed.zz", {"round": crashed.round, "checkpoints": crashed.checkpoints, "logs": logs})
    _write(folder / "final.zz", final)
    counts = {topic: len(told) for topic, told in final.items()}
    print(f"format {wire.VERSION}: crashed in round {crashed.round}; in the end {counts}")  # noqa: T201


def _write(path: Path, content: Any) -> None:
    path.write_bytes(zlib.compress(msgspec.msgpack.encode(content), 9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
