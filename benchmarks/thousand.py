"""Many small models and their events, for the recovery benchmark."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from watchkeeper.detectors.checks.build_reference import Reference, build_reference
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.ingest.columnizer import Columnizer
from watchkeeper.streams.ingest.decode import EventDecoder, SubjectDecoder

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN_SECONDS = 2400  # of event time: several panes of an open window
REFERENCE_ROWS = 500


def monitor(number: int, features: int) -> Monitor:
    """Return one of the monitors."""
    return Monitor.model_validate(
        {
            "model": f"model-{number:04d}",
            "owner": {"team": "bench"},
            "task": "binary-classification",
            "features": {f"number_{i}": {"type": "number"} for i in range(features)},
        }
    )


def event(number: int, row: int, seconds: float, features: list[float]) -> tuple[str, bytes]:
    """Return the key and value of one prediction."""
    key = f"{number}-{row}"
    body = {
        "prediction_id": key,
        "model": f"model-{number:04d}",
        "event_time": (START + timedelta(seconds=seconds)).isoformat(),
        "features": {f"number_{i}": value for i, value in enumerate(features)},
        "prediction": {"score": features[0]},
    }
    return key, msgspec.json.encode(body)


def events(monitors: int, rows: int, features: int) -> Iterator[tuple[str, bytes]]:
    """Yield all events in the order of their times.

    >>> import json
    >>> key, value = next(events(2, 3, 1))
    >>> key, json.loads(value)["model"]
    ('0-0', 'model-0000')
    """
    values = np.random.default_rng(0).random((rows, features)).round(6).tolist()
    for row in range(rows):
        for number in range(monitors):
            yield event(number, row, row * SPAN_SECONDS / rows, values[row])


def reference_of(watched: Monitor, features: int) -> Reference:
    """Build a reference from events like the folded ones."""
    subject = SubjectDecoder(watched)
    decode = EventDecoder([Timeline(subject)], "model").decode_fast
    number = int(watched.subject.removeprefix("model-"))
    values = np.random.default_rng(1).random((REFERENCE_ROWS, features)).round(6).tolist()
    rows = [decode(event(number, row, 0, each)[1]) for row, each in enumerate(values)]
    return build_reference(watched, Columnizer(subject).columns(rows, {}), {}, built_at_ms=0)
