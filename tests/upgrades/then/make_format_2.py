"""Writes the golden files of format 2 with the code that is on the path. See golden/README.md."""

import json
import random
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from format_2_configuration import PER_MINUTE, at, configuration, ms
from make_sentinels import sentinels
from streams.parts import split
from world import NOW_MS, PARTITIONS, MemoryOfThen, live, outcome, registry, wire

from streams.canary import subject as canary
from streams.fold import Record

MINUTES = 110
LABEL_AFTER = 3 * PER_MINUTE
BROKEN = range(30, 48)
"""Minutes in which half of the incomes are missing."""
METRES = range(40, 60)
"""Minutes in which distances come in metres instead of kilometres."""
WRONG = range(70, 95)
"""Minutes whose labels contradict the classifier."""
DRIFTED = range(80, 100)
"""Minutes in which temperatures and the canary's level drift."""
MOMENTS = 25, 50, 75
"""Rounds whose checkpoints are kept."""
CRASH_DELIVERY = 60
GARBAGE = [b"\xff\xfe", b"", b'{"model": "risk", ', b"[]", b'{"model": "unknown"}', b'{"model": "risk"}']


Event = tuple[str, int, bytes | None, tuple[tuple[str, bytes], ...]]


def events() -> Iterator[Event]:  # noqa: C901
    """Give topic, partition, value and headers, in the order of the topics."""
    source = random.Random(5)  # noqa: S311
    said: list[float] = []
    for n in range(MINUTES * PER_MINUTE):
        minute = n / PER_MINUTE
        said.append(round(source.random(), 3))
        prediction = json.dumps(_prediction(n, minute, said[n], source)).encode()
        if n % 50 == 49:
            yield "predictions", n % PARTITIONS, source.choice([*GARBAGE, None]), ()
        elif n % 301 == 5:  # its label comes first
            pass
        else:
            yield "predictions", n % PARTITIONS, *_wrapped(n, prediction)
        if n % 301 == 11:
            yield (
                "predictions",
                (n - 6) % PARTITIONS,
                json.dumps(_prediction(n - 6, minute - 0.25, said[n - 6], source)).encode(),
                (),
            )
        if n % 53 == 7:  # published again
            yield "predictions", n % PARTITIONS, prediction, ()
        if n % 200 == 150:  # replayed twice
            replayed = (("wk-replay-of", f"predictions/0/{n // 4}".encode()),)
            yield "predictions", 0, json.dumps(_prediction(10**6 + n, minute, 0.5, source)).encode(), replayed
            yield "predictions", 0, json.dumps(_prediction(10**6 + n, minute, 0.5, source)).encode(), replayed
        if n % 211 == 3 and minute > 20:  # too late
            late = _prediction(2 * 10**6 + n, minute - 15, 0.5, source)
            yield "predictions", n % PARTITIONS, json.dumps(late).encode(), ()
        if n % 2 == 0:
            yield "predictions", n // 2 % PARTITIONS, *_wrapped(n, _price(n // 2, minute, source))
        if n % 4 == 0 and minute < 104:
            yield "features", n // 4 % PARTITIONS, *_wrapped(n, _weather(n // 4, minute, source))
        if n % 2 == 1:
            drifted = int(minute) in DRIFTED
            value = canary.event(canary.MODEL, f"c{n}", n // 2, ms(minute), drifted)
            yield "predictions", n // 2 % PARTITIONS, value, (("ce_source", b"/watchkeeper/canary"),)
        if n == 20:
            yield _label(305, minute, said[0] > 0.5)  # long before its prediction
        if n >= LABEL_AFTER:
            yield from _labels(n - LABEL_AFTER, minute, said, source)


def _wrapped(n: int, value: bytes) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """Put some events into CloudEvents, binary and structured, of two publishers."""
    publisher = b"/north" if n % 4 < 2 else b"/south"
    if n % 3 == 0:
        headers = {"ce_specversion": b"1.0", "ce_id": b"%d" % n, "ce_source": publisher}
        return value, (*headers.items(), ("content-type", b"application/json"))
    if n % 5 == 0:
        event = {"specversion": "1.0", "id": str(n), "source": publisher.decode(), "data": json.loads(value)}
        return json.dumps(event).encode(), (("content-type", b"application/cloudevents+json"),)
    return value, ()


def _prediction(n: int, minute: float, score: float, source: random.Random) -> dict[str, Any]:
    broken = int(minute) in BROKEN and source.random() < 0.5
    features = {
        "age": source.randint(20, 79) if n % 41 else "old",
        "income": None if broken else round(source.gauss(2000, 500)),
        "country": source.choice(["NL", "BE"]) if n % 97 else "XX",
        "member": source.random() < 0.5,
    }
    event = {"prediction_id": f"p{n}", "model": "risk", "model_version": "1" if n % 9 else "2"}
    event |= {"event_time": at(minute), "features": features, "prediction": {"score": score}}
    event |= {"segments": {"channel": source.choice(["web", "shop"])}}
    return {**event, "latency_ms": round(source.gammavariate(5, 2), 1)}


def _price(n: int, minute: float, source: random.Random) -> bytes:
    km = round(source.gammavariate(2, 10), 2)
    features = {"km": km * 1000 if int(minute) in METRES else km, "kind": source.choice(["flat", "house"])}
    event = {"prediction_id": f"q{n}", "model": "price", "model_version": "a", "event_time": at(minute)}
    answer = round(300 - km + source.gauss(0, 10), 1)
    return json.dumps(event | {"features": features, "prediction": {"value": answer}}).encode()


def _weather(n: int, minute: float, source: random.Random) -> bytes:
    temp = round(source.gauss(28 if int(minute) in DRIFTED else 10, 8), 1)
    row = {"feature_view": "weather", "event_time": at(minute), "features": {"temp": temp}}
    return json.dumps(row | {"entity_id": f"e{n % 7}"}).encode()


def _labels(n: int, minute: float, said: list[float], source: random.Random) -> Iterator[Event]:
    truth = source.random() < said[n]
    if int(minute) in WRONG:
        truth = not truth
    topic, partition, value, _ = _label(n, minute, truth)
    yield topic, partition, *_wrapped(n, value or b"")
    if n % 61 == 3:
        yield _label(n, minute + 1 / 3, None if n % 2 else not truth)
    if n % 2 == 0:
        price = {"prediction_id": f"q{n // 2}", "model": "price", "label_time": at(minute)}
        label = round(280 + source.gauss(0, 20) + (60 if int(minute) in WRONG else 0), 1)
        yield "labels", n // 2 % PARTITIONS, json.dumps(price | {"label": label}).encode(), ()
    if n % 101 == 9:
        orphan = {"prediction_id": f"nobody{n}", "label": True, "label_time": at(minute)}
        yield "labels", n % PARTITIONS, json.dumps(orphan).encode(), ()


def _label(n: int, minute: float, truth: bool | None) -> Event:
    """Give a label; None retracts it."""
    told = {"prediction_id": f"p{n}", "model": "risk", "label_time": at(minute)}
    told |= {"retracted": True, "label": False} if truth is None else {"label": truth}
    return "labels", n % PARTITIONS, json.dumps(told).encode(), ()


def _source() -> dict[str, list[Record]]:
    logs: dict[str, list[Record]] = {}
    for topic, partition, value, headers in events():
        log = logs.setdefault(f"{topic}/{partition}", [])
        log.append(Record(len(log), NOW_MS, b"k", value, headers))
    return logs


def _memory(source: dict[str, list[Record]], **more: Any) -> MemoryOfThen:
    memory = MemoryOfThen(**more)
    memory.logs = {name: list(log) for name, log in source.items()}
    return memory


def _written(memory: MemoryOfThen, source: dict[str, list[Record]]) -> dict[str, list[Record]]:
    return {name: list(log) for name, log in memory.logs.items() if name not in source}


def _moment(source: dict[str, list[Record]], registered: Any, until: int) -> dict[str, Any]:
    """Stop a process after a round; of what it had written, say how much."""
    memory = live(_memory(source), registered, until)
    lengths = {name: len(log) for name, log in _written(memory, source).items()}
    return {"round": memory.round, "checkpoints": memory.checkpoints, "lengths": lengths}


def main(folder: Path) -> None:
    """Run undisturbed, up to some moments and up to a crash, and write all of it."""
    source, records = _source(), configuration()
    registered = registry(records)
    undisturbed = live(_memory(source), registered)
    deliveries = [0]

    def die_when(name: str, messages: Any) -> bool:
        # Between the save and the delivery, in the middle of incidents: the checkpoint owes its outbox.
        deliveries[0] += name == "ingest/1" and any(message.topic == "profiles" for message in messages)
        return deliveries[0] > CRASH_DELIVERY

    crashed = live(_memory(source, die_when=die_when), registered)
    moments = [_moment(source, registered, until) for until in MOMENTS]
    for moment in moments:
        for name, length in moment["lengths"].items():
            assert length <= len(undisturbed.logs[name])
    final = outcome(undisturbed)
    _write(folder / "source.zz", source)
    _write(folder / "configuration.zz", records)
    crash = {"round": crashed.round, "checkpoints": crashed.checkpoints, "logs": _written(crashed, source)}
    _write(folder / "crashed.zz", crash)
    _write(folder / "undisturbed.zz", {"logs": _written(undisturbed, source), "moments": moments})
    _write(folder / "final.zz", final)
    _write(folder / "sentinels.zz", sentinels())
    whole = crashed.checkpoints["evaluate/1"]
    cut = split(b"evaluate/1", whole, len(whole) // 3)  # its id is random: write a fixed one
    own = cut[0][1][:16]
    _write(folder / "parts.zz", [(key, value.replace(own, b"sixteen bytes id")) for key, value in cut])
    counts = {topic: len(told) for topic, told in final.items()}
    print(f"format {wire.VERSION}: crashed in round {crashed.round} of {undisturbed.round}; {counts}")  # noqa: T201


def _write(path: Path, content: Any) -> None:
    path.write_bytes(zlib.compress(msgspec.msgpack.encode(content), 9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
