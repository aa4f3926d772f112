"""A known stream under load: events of two models with incidents, and disordered, late and duplicate events.

A seed determines all of it before anything is published. Event time runs hundreds of times faster than the
clock, so that incidents open and close while workers are killed. The last events are so far ahead that they
close every earlier window. So nothing depends on how long a partition takes to become idle.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from watchkeeper.schemas.monitors import Monitor

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = 40
PER_MINUTE = 600
LABEL_AFTER_SECONDS = 30
FAR_MINUTES = 30
"""How far the closing events are ahead of the rest."""

MONITORS = [
    Monitor.model_validate(
        {
            "model": "risk",
            "owner": {"team": "ml"},
            "task": "binary-classification",
            "features": {
                "age": {"type": "number", "range": [0, 120]},
                "income": {"type": "number", "range": [-2000, 8000]},
                "country": {"type": "category", "categories": ["NL", "BE", "DE"]},
            },
            "segments": ["country"],
            "windows": {"pane": "PT1M", "size": "PT2M", "lateness": "PT10S"},
            "labels": {
                "expected_within": "PT5M",
                "min_labels": 100,
                "metrics": {"accuracy": {"at_least": 0.6}},
            },
            "retraining": {"after_windows": 2, "min_labels": 500, "cooldown": "PT10M"},
            "sensitivity": {"resolve_after": 1},
        }
    ),
    Monitor.model_validate(
        {
            "feature_view": "customers",
            "owner": {"team": "data"},
            "features": {
                "visits": {"type": "integer", "range": [0, 1000]},
                "tier": {"type": "category", "categories": ["basic", "gold"]},
            },
            "windows": {"pane": "PT1M", "size": "PT2M", "lateness": "PT10S"},
            "sensitivity": {"resolve_after": 1},
        }
    ),
]
ALERTS_AT_LEAST = 4
"""The incidents below: a missing feature, a value out of range, bad performance and an unseen category."""

_NULLS = range(3, 8)
_FLIPPED = range(14, 21)
_CENTS = range(23, 27)
_STRANGE = range(29, 33)
_IMPOSSIBLE = ("1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z")


class Event(NamedTuple):
    """One record to publish, with its time: minutes of event time since the start."""

    minute: float
    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def stream(seed: int, minutes: int = MINUTES, per_minute: int = PER_MINUTE) -> list[Event]:
    """Return the stream without its end, in the order of publication."""
    source = random.Random(seed)  # noqa: S311
    return sorted(_events(source, minutes, per_minute), key=lambda event: event.minute)


def _events(source: random.Random, minutes: int, per_minute: int) -> Iterator[Event]:
    for row in range(minutes * per_minute):
        at = row / per_minute
        # Out of order by up to 9 of the 10 seconds allowed. One in 400 is late by a minute or two.
        published = at + source.random() * 0.15 + (source.uniform(1, 3) if row % 400 == 399 else 0)
        prediction = _prediction(row, at, source)
        yield Event(published, "predictions", f"p{row}", prediction)
        if row % 500 == 333:
            strange = msgspec.json.decode(prediction) | {"prediction_id": f"s{row}"}
            strange["event_time"] = _IMPOSSIBLE[row // 500 % 2]
            yield Event(published, "predictions", f"p{row}", encode(**strange))
        if row % 250 == 249:
            yield Event(published + 0.05, "predictions", f"p{row}", prediction)
        label_at = at + source.uniform(0.5, 1) * LABEL_AFTER_SECONDS / 60
        yield Event(label_at + source.random() * 0.15, "labels", f"p{row}", _label(row, at, label_at, source))
        if row % 3 == 0:
            yield Event(published, "features", f"c{row}", _customer(at, source))


def _prediction(row: int, at: float, source: random.Random) -> bytes:
    score = _score(row)
    income = round(source.gauss(2000, 500), 2)
    age: float | None = round(source.gauss(40, 8), 1)
    if int(at) in _NULLS and row % 3:
        age = None
    return encode(
        prediction_id=f"p{row}",
        model="risk",
        model_version="1",
        event_time=time_of(at),
        features={
            "age": age,
            "income": income * 100 if int(at) in _CENTS else income,
            "country": source.choice(["NL", "BE", "DE"]),
        },
        prediction={"score": score},
        latency_ms=round(source.expovariate(0.1), 3),
    )


def _label(row: int, at: float, label_at: float, source: random.Random) -> bytes:
    # The label agrees with the score four times out of five, except while the relation is reversed.
    agrees = source.random() < (0.2 if int(at) in _FLIPPED else 0.8)
    return encode(
        prediction_id=f"p{row}",
        model="risk",
        label_time=time_of(label_at),
        label=(_score(row) > 0.5) == agrees,
    )


def _score(row: int) -> float:
    return round(random.Random(row).random(), 6)  # noqa: S311


def _customer(at: float, source: random.Random) -> bytes:
    tier = "platinum" if int(at) in _STRANGE and source.random() < 0.5 else source.choice(["basic", "gold"])
    return encode(
        feature_view="customers",
        event_time=time_of(at),
        features={"visits": source.randrange(100), "tier": tier},
    )


def closing(keys: dict[int, str]) -> list[Event]:
    """Return the end of the stream: an event of each kind for each partition, far ahead of all others."""
    at = MINUTES + FAR_MINUTES
    source = random.Random(0)  # noqa: S311
    events = []
    for key in keys.values():
        prediction = msgspec.json.decode(_prediction(0, at, source)) | {"prediction_id": key}
        events += [
            Event(at, "predictions", key, encode(**prediction)),
            Event(at, "features", key, _customer(at, source)),
            Event(
                at, "labels", key, encode(prediction_id=key, model="risk", label_time=time_of(at), label=True)
            ),
        ]
    return events


def encode(**event: Any) -> bytes:
    """Return an event as JSON."""
    return msgspec.json.encode(event)


def time_of(minute: float) -> str:
    """Return the event time of a minute of the stream."""
    return (START + timedelta(minutes=minute)).isoformat(timespec="milliseconds")
