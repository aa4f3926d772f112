"""The stream that every contestant reads: predictions of one model with 16 numbers and 4 categories."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np

from watchkeeper.schemas.events import Output, Prediction

SUBJECT = "bench"
NUMBERS = tuple(f"number_{i:02d}" for i in range(16))
CATEGORIES = tuple(f"category_{i}" for i in range(4))
FEATURES = len(NUMBERS) + len(CATEGORIES)

_START_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
_SPAN_MS = 135 * 60_000  # event time of all events together: 27 panes, two windows of default size
_NULL_SHARE = 0.01
_CHUNK = 10_000


def monitor() -> dict[str, object]:
    """Return the monitor file of the stream. It declares every feature and keeps all other defaults."""
    numbers = {name: {"type": "number"} for name in NUMBERS}
    categories = {name: {"type": "category"} for name in CATEGORIES}
    return {
        "model": SUBJECT,
        "owner": {"team": "bench"},
        "task": "binary-classification",
        "features": numbers | categories,
    }


def events(count: int, seed: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and JSON value of `count` predictions in the order of their event times.

    >>> key, value = next(events(1))
    >>> key, 440 <= len(value) <= 590
    (b'0000000000000000', True)
    """
    generator = np.random.default_rng(seed)
    encode = msgspec.json.Encoder().encode
    for start in range(0, count, _CHUNK):
        for prediction in _chunk(generator, start, min(_CHUNK, count - start), _SPAN_MS / count):
            yield prediction.prediction_id.encode(), encode(prediction)


def _chunk(generator: np.random.Generator, start: int, count: int, every_ms: float) -> Iterator[Prediction]:
    numbers = _columns(generator, count)
    codes = generator.integers(0, 12, (count, len(CATEGORIES)))
    missing = generator.random((count, FEATURES)) < _NULL_SHARE
    scores = generator.beta(2, 5, count).round(4).tolist()
    latencies = generator.gamma(4, 3, count).round(2).tolist()
    for i in range(count):
        values = [*numbers[i], *(f"c{code}" for code in codes[i].tolist())]
        values = [
            None if absent else value for value, absent in zip(values, missing[i].tolist(), strict=True)
        ]
        yield Prediction(
            prediction_id=f"{start + i:016x}",
            model=SUBJECT,
            model_version="v1",
            event_time=datetime.fromtimestamp((_START_MS + int((start + i) * every_ms)) / 1000, UTC),
            features=dict(zip(NUMBERS + CATEGORIES, values, strict=True)),
            prediction=Output(score=scores[i]),
            latency_ms=latencies[i],
        )


def _columns(generator: np.random.Generator, count: int) -> list[list[float]]:
    """Return rows of numbers whose distributions and magnitudes vary as those of real services do."""
    kinds = (
        generator.normal(50, 20, (count, 4)).round(2),
        generator.lognormal(2, 1, (count, 4)).round(3),
        generator.random((count, 4)).round(6),
        generator.poisson(30, (count, 4)).astype(float),
    )
    rows: list[list[float]] = np.hstack(kinds).tolist()
    return rows
