"""A known stream for tests with real workers, and the result of an undisturbed fold of it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from watchkeeper.schemas.monitors import Monitor

START = datetime(2026, 1, 1, tzinfo=UTC)
PER_SECOND = 20
LABEL_AFTER = 200

MONITOR = Monitor.model_validate(
    {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {
            "age": {"type": "number", "range": [0, 100]},
            "income": {"type": "number", "range": [-1000, 5000]},
            "country": {"type": "category", "categories": ["NL", "BE", "DE"]},
        },
        "segments": ["country"],
        "windows": {"pane": "PT1M", "size": "PT5M", "lateness": "PT10S"},
        "labels": {"expected_within": "PT1H"},
    }
)


def at(row: int) -> str:
    """Return the event time of a row."""
    return (START + timedelta(seconds=row / PER_SECOND)).isoformat()


def events(rows: int, seed: int = 7) -> Iterator[tuple[str, str, bytes]]:
    """Yield topic, key and value in the order of events, including garbage and broken features."""
    source = random.Random(seed)  # noqa: S311
    encode = msgspec.json.encode
    for row in range(rows):
        key = f"p{row}"
        yield "predictions", key, encode(_prediction(row, source)) if row % 97 else b'{"model": "risk", '
        if row >= LABEL_AFTER:
            labelled = row - LABEL_AFTER
            truth = {"prediction_id": f"p{labelled}", "model": "risk", "label_time": at(row)}
            yield "labels", f"p{labelled}", encode({**truth, "label": source.random() < 0.3})


def _prediction(row: int, source: random.Random) -> dict[str, Any]:
    return {
        "prediction_id": f"p{row}",
        "model": "risk",
        "model_version": "1",
        "event_time": at(row),
        "features": {
            "age": source.gauss(40, 12) if row % 13 else None,
            "income": source.gauss(2000, 700) if row % 29 else "unknown",
            "country": source.choice(["NL", "BE", "DE"]),
        },
        "prediction": {"score": round(source.random(), 6)},
        "latency_ms": source.expovariate(0.1),
    }
