"""Healthy new models: their monitors, references from files, and events. A seed determines all of it.

Nothing in them is wrong. Traffic has a daily curve, labels take their time, and the reference is a sample of
earlier rows: its time stamps say nothing about the traffic.
"""

import csv
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

REFERENCE_ROWS = 3000
REFERENCE_DAYS = (0.2, 14, 3)
"""Days of the reference, of one model after another, chosen by hand: far more and far fewer rows an hour
than the stream has."""
ROWS_AN_HOUR = (60, 90, 150, 240, 400)
"""Mean rows in a window, of one model after another, chosen by hand: a window with 30 is judged."""
BATCH_MINUTES = (15, 60, 180)
"""How often publishers that send in batches do so."""
JITTER_SECONDS = 20
"""By how much live publishers send out of order: less than the lateness of a minute that is the default."""
LABEL_MINUTES = (10, 120)
"""How long labels take."""
CATEGORIES = ("NL", "BE", "DE", "FR")


class Healthy(NamedTuple):
    """One healthy model."""

    number: int
    rows_an_hour: int
    batch_minutes: int
    """0 for a live publisher."""
    has_labels: bool

    @property
    def name(self) -> str:
        """The name of the model."""
        kind = f"batch{self.batch_minutes}" if self.batch_minutes else "live"
        return f"healthy-{self.number}-{kind}"

    @property
    def is_classifier(self) -> bool:
        """Whether it gives scores; otherwise values."""
        return self.number % 3 != 2


class Sent(NamedTuple):
    """One record, when it is published, and its time. Sorted, the records of a batch are in order of time."""

    at: datetime
    time: datetime
    topic: str
    key: str
    value: bytes


def models(count: int) -> list[Healthy]:
    """Return models: every second one is published in batches, two of three have labels."""
    return [
        Healthy(
            number,
            ROWS_AN_HOUR[number % len(ROWS_AN_HOUR)],
            BATCH_MINUTES[number // 2 % len(BATCH_MINUTES)] if number % 2 else 0,
            number % 3 != 0,
        )
        for number in range(count)
    ]


def write_files(model: Healthy, folder: Path) -> Path:
    """Write the monitor and the reference of a model. Return the path of the monitor."""
    source = random.Random(f"reference {model.number}")  # noqa: S311
    rows = [_reference_row(model, source) for _ in range(REFERENCE_ROWS)]
    rows.sort(key=lambda row: row["event_time"])
    with (folder / f"{model.name}.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    document: dict[str, Any] = {
        "model": model.name,
        "owner": {"team": "ml"},
        "task": "binary-classification" if model.is_classifier else "regression",
        "features": {
            "amount": {"type": "number"},
            "age": {"type": "integer"},
            "country": {"type": "category"},
            "member": {"type": "boolean"},
        },
        "reference": {"file": f"{model.name}.csv"},
    }
    if model.number % 5 == 0:
        document["segments"] = ["country"]
    if model.has_labels:
        document["labels"] = {"expected_within": "PT6H"}
    path = folder / f"{model.name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _reference_row(model: Healthy, source: random.Random) -> dict[str, Any]:
    features = _features(source)
    output = _output(model, features, source)
    row = {"event_time": _before(model, source), **features, _output_name(model): output}
    if model.has_labels:
        row["label"] = _label(model, output, source)
    return row


def _before(model: Healthy, source: random.Random) -> str:
    """Return a time before all streams."""
    days = REFERENCE_DAYS[model.number % len(REFERENCE_DAYS)]
    at = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=source.random() * days)
    return at.isoformat(timespec="milliseconds")


def _features(source: random.Random) -> dict[str, Any]:
    return {
        "amount": round(source.lognormvariate(4, 1), 2),
        "age": source.randint(18, 90),
        "country": source.choices(CATEGORIES, (5, 3, 2, 1))[0],
        "member": source.random() < 0.3,
    }


def _output_name(model: Healthy) -> str:
    return "score" if model.is_classifier else "value"


def _output(model: Healthy, features: dict[str, Any], source: random.Random) -> float:
    if model.is_classifier:
        logit = (features["age"] - 54) / 20 + source.gauss(0, 0.5)
        return round(1 / (1 + math.exp(-logit)), 4)
    return round(10 * features["age"] + source.gauss(0, 50), 2)


def _label(model: Healthy, output: float, source: random.Random) -> bool | float:
    if model.is_classifier:
        return source.random() < output
    return round(output + source.gauss(0, 40), 2)


def records(model: Healthy, start: datetime, end: datetime) -> Iterator[Sent]:
    """Yield the records of a model. Its stream begins somewhere in the first hours, in mid-window."""
    source = random.Random(f"stream {model.number}")  # noqa: S311
    at = start + timedelta(hours=source.uniform(0, 5))
    number = 0
    while at < end:
        yield from _row(model, number, at, end, source)
        number += 1
        at += timedelta(hours=source.expovariate(model.rows_an_hour * _daily(at)))


def _daily(at: datetime) -> float:
    """Return the traffic at an hour, relative to the mean of the day: half at midnight, 1.5 times at noon."""
    return 1 - 0.5 * math.cos(2 * math.pi * (at.hour + at.minute / 60) / 24)


def _row(model: Healthy, number: int, at: datetime, end: datetime, source: random.Random) -> Iterator[Sent]:
    key, features = f"{model.name}/{number}", _features(source)
    output = _output(model, features, source)
    prediction = {
        "prediction_id": key,
        "model": model.name,
        "model_version": "1",
        "event_time": at.isoformat(timespec="milliseconds"),
        "features": features,
        "prediction": {_output_name(model): output},
        "latency_ms": round(source.expovariate(0.05), 3),
    }
    yield Sent(_sent(model, at, source), at, "predictions", key, msgspec.json.encode(prediction))
    known = at + timedelta(minutes=source.uniform(*LABEL_MINUTES))
    if model.has_labels and known < end:
        label = {
            "prediction_id": key,
            "model": model.name,
            "label": _label(model, output, source),
            "label_time": known.isoformat(timespec="milliseconds"),
        }
        yield Sent(_sent(model, known, source), known, "labels", key, msgspec.json.encode(label))


def _sent(model: Healthy, at: datetime, source: random.Random) -> datetime:
    """Return when a record of this time is published: a little later, or with the next batch."""
    if not model.batch_minutes:
        return at + timedelta(seconds=source.uniform(0, JITTER_SECONDS))
    batch = timedelta(minutes=model.batch_minutes)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + batch * ((at - midnight) // batch + 1)
