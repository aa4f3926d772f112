"""Models beside the known stream, and what their publishers do wrong.

Each kind of mishap has a model of its own, so that the alerts of one cannot explain those of another. What
happens to them must leave every statistic of the known stream as it is.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.faults.stream import MINUTES, START, Event, encode, time_of
from watchkeeper.schemas.monitors import Monitor

SOURCE_HEADER = "ce_source"
ROWS_PER_MINUTE = {"team-b": 30, "clocks": 100, "traffic": 300}
"""Rows per minute of event time of each model, chosen by hand: enough rows in each window to be judged."""
BAD = 1500
"""Events of one mishap, chosen by hand: more than the thousand after which a worker once stopped, and than
the thousand that are judged without waiting."""
STRANGE_LABELS = 3000
"""Labels without predictions in one flood, chosen by hand: several seconds of the stream's own labels."""
AHEAD = (timedelta(minutes=5), timedelta(minutes=50), timedelta(hours=1), timedelta(hours=14))
"""Clocks that are ahead: without NTP, nearly an hour, and local times written as UTC."""
BEHIND = (timedelta(hours=1), timedelta(hours=8), timedelta(days=1))
"""Clocks that are behind: local times written as UTC, and a machine that was not set."""

NEIGHBOURS = [
    Monitor.model_validate(
        {
            "model": model,
            "owner": {"team": model},
            "task": "binary-classification",
            "features": {"amount": {"type": "number"}},
            "windows": {"pane": "PT1M", "size": "PT2M", "lateness": "PT10S"},
            "sensitivity": {"resolve_after": 1},
        }
    )
    for model in ROWS_PER_MINUTE
]


def neighbours(seed: int, minutes: int = MINUTES) -> list[Event]:
    """Return the healthy stream of all neighbours, in the order of publication."""
    source = random.Random(f"neighbours {seed}")  # noqa: S311
    events = [
        _row(model, f"{model}-{number}", number / per_minute, source)
        for model, per_minute in ROWS_PER_MINUTE.items()
        for number in range(minutes * per_minute)
    ]
    return sorted(events, key=lambda event: event.minute)


def last_rows(keys: dict[int, str], minute: float) -> list[Event]:
    """Return one row of each neighbour for each partition, far ahead of all others."""
    source = random.Random(0)  # noqa: S311
    return [_row(model, key, minute, source) for model in ROWS_PER_MINUTE for key in keys.values()]


def _row(model: str, key: str, minute: float, source: random.Random, event_time: str = "") -> Event:
    value = encode(
        prediction_id=f"{model} {key}",
        model=model,
        model_version="1",
        event_time=event_time or time_of(minute),
        features={"amount": round(source.gauss(100, 20), 2)},
        prediction={"score": round(source.random(), 4)},
    )
    return Event(minute, "predictions", key, value)


def bad_team(minute: float, source: random.Random) -> Iterator[Event]:
    """Yield events of one model after a bad deploy: their latency is in words."""
    for _ in range(BAD):
        key = f"bad{source.random()}"
        value = encode(
            prediction_id=key,
            model="team-b",
            model_version="2",
            event_time=time_of(minute),
            features={"amount": 100.0},
            prediction={"score": 0.5},
            latency_ms="slow",
        )
        yield Event(minute, "predictions", key, value)


def clock_ahead(minute: float, source: random.Random, now: datetime) -> Iterator[Event]:
    """Yield rows of a publisher whose clock is ahead of the broker's."""
    at = (now + source.choice(AHEAD)).isoformat()
    yield from _of_publisher("fast", minute, at, source)


def clock_behind(minute: float, source: random.Random) -> Iterator[Event]:
    """Yield rows of a publisher whose clock is behind that of the others."""
    at = (START + timedelta(minutes=minute) - source.choice(BEHIND)).isoformat()
    yield from _of_publisher("slow", minute, at, source)


def _of_publisher(name: str, minute: float, event_time: str, source: random.Random) -> Iterator[Event]:
    for _ in range(BAD):
        row = _row("clocks", f"{name}{source.random()}", minute, source, event_time)
        yield row._replace(headers=((SOURCE_HEADER, name.encode()),))


def staging(minute: float, source: random.Random) -> Iterator[Event]:
    """Yield rows of the known model from another environment, where a feature is missing."""
    for _ in range(BAD):
        key = f"staging{source.random()}"
        value = encode(
            prediction_id=key,
            model="risk",
            model_version="1",
            environment="staging",
            event_time=time_of(minute),
            features={"age": None, "income": None, "country": "NL"},
            prediction={"score": 0.5},
        )
        yield Event(minute, "predictions", key, value)


def label_flood(minute: float, source: random.Random) -> Iterator[Event]:
    """Yield labels of the known model whose predictions were never published."""
    for _ in range(STRANGE_LABELS):
        key = f"strange{source.random()}"
        value = encode(prediction_id=key, model="risk", label_time=time_of(minute), label=True)
        yield Event(minute, "labels", key, value)


def doubled(event: Event, source: random.Random) -> Event:
    """Return another row of the same time: a second caller that sends as much."""
    return _row("traffic", f"twice{source.random()}", event.minute, source)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
