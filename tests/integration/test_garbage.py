"""Garbage on every topic stops no worker, and every piece of it is kept as rejected."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.integration.running import Workers, apply, publish, rejected, wait_for_rows
from tests.integration.scene import MONITOR, at
from watchkeeper.schemas.rejections import Reason
from watchkeeper.streams.settings import Settings

GOOD = 3_000
Event = tuple[str, str, bytes | None]


def prediction(row: int, **changes: Any) -> bytes:
    """A valid prediction with some changes."""
    event = {
        "prediction_id": f"p{row}",
        "model": "risk",
        "event_time": at(row),
        "features": {"age": 30.5, "income": 1200, "country": "NL"},
        "prediction": {"score": 0.25},
    }
    return json.dumps({**event, **changes}).encode()


GARBAGE: list[tuple[Reason, str, bytes | None]] = [
    ("malformed_json", "predictions", prediction(1)[:60]),
    ("malformed_json", "labels", b"\xff\xfe\x00"),
    ("malformed_json", "features", b"[" * 50_000),
    ("malformed_json", "predictions", prediction(1, features={"age": float("nan")})),
    ("empty", "predictions", None),
    ("empty", "labels", b""),
    ("invalid_event", "predictions", prediction(1, prediction="high")),
    ("invalid_event", "predictions", b"[1, 2, 3]"),
    ("invalid_event", "labels", b'{"prediction_id": "p1", "label_time": 1767225600000}'),
    ("unknown_model", "predictions", prediction(1, model="nobody-knows-me")),
    ("unknown_feature_view", "features", b'{"feature_view": "x", "event_time": 5, "features": {}}'),
    ("time_out_of_range", "predictions", prediction(1, event_time="1970-01-01T00:00:00Z")),
    ("time_ahead", "predictions", prediction(1, event_time="2200-01-01T00:00:00Z")),
    ("too_large", "predictions", prediction(1, features={"country": "x" * 10_000_000})),
]
ODD_BUT_COUNTED = [
    {"age": "thirty", "income": [1], "country": 7},
    {"age": None},
    {},
    {"age": 1e308, "income": -1e308, "country": "\U0001f4a5" * 100},
]


def test_every_piece_of_garbage_is_found_again(settings: Settings, tmp_path: Path) -> None:
    apply(settings, MONITOR)
    good = [prediction(row, features={"age": row, "country": f"c{row}"}) for row in range(GOOD)]
    good += [prediction(GOOD + i, features=odd) for i, odd in enumerate(ODD_BUT_COUNTED)]
    events: list[Event] = [("predictions", f"p{row}", value) for row, value in enumerate(good)]
    for i, (_, topic, value) in enumerate(GARBAGE):
        events.insert(i * 200, (topic, f"g{i}", value))
    with Workers(settings, tmp_path) as running:
        [worker] = running.start()
        publish(settings, events)
        wait_for_rows(settings, running, {"predictions": len(good)})
        deadline = time.monotonic() + 30
        while len(rejected(settings)) < len(GARBAGE) and time.monotonic() < deadline:
            time.sleep(0.5)
        found = rejected(settings)
        assert Counter(r.reason for r in found.values()) == Counter(reason for reason, _, _ in GARBAGE)
        assert worker.poll() is None, running.logs()
        sizes = {r.size_bytes for r in found.values() if r.reason == "too_large"}
        assert sizes == {len(value) for reason, _, value in GARBAGE if reason == "too_large" and value}
