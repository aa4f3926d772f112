"""Passes events of the task of counts through ingest and evaluate, and prints the results as JSON."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.rejections import Rejection
from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.files.examples import Examples
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.stage import IngestFold

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
ROWS = 2000
MONITOR = Monitor.model_validate(
    {
        "model": "visitors", "owner": {"team": "ml"}, "task": "counts",
        "features": {"temp": {"type": "number"}},
        "windows": {"pane": "PT1M", "size": "PT1H", "lateness": "PT0S"},
        "labels": {"expected_within": "PT5M", "metrics": {"deviance": {}}},
    }
)  # fmt: skip


class Registry(dict):
    """Subject -> what is known of it."""

    generation = 1

    def subjects(self):
        """Name all subjects."""
        return list(self)


def events(seed, factor=1.0):
    """Draw (prediction, label) events; the counts are `factor` times what the model predicts."""
    rng = np.random.default_rng(seed)
    means = rng.gamma(4, 2, ROWS)
    for n, (mean, count) in enumerate(zip(means, rng.poisson(factor * means), strict=True)):
        at = START + timedelta(seconds=n)
        identity = {"prediction_id": f"p{n}", "model": "visitors"}
        prediction = {"event_time": at.isoformat(), "features": {"temp": float(rng.normal())}}
        yield (
            {**identity, **prediction, "prediction": {"value": float(mean)}},
            {**identity, "label_time": (at + timedelta(seconds=60)).isoformat(), "label": int(count)},
        )


def reference():
    """Build the reference from examples, as `watchkeeper reference build` does."""
    examples = Examples(MONITOR)
    for prediction, label in events(1):
        examples.add_event(prediction)
        examples.label(None, label["label"])
    return examples.reference(None, built_at_ms=1)


def records(values):
    """Write events as records."""
    return [Record(n, NOW_MS, b"k", json.dumps(value).encode()) for n, value in enumerate(values)]


def main():
    """Let events through both stages."""
    registry = Registry({"visitors": Timeline(Watched(MONITOR, {None: reference()}))})
    ingest, evaluate = IngestFold(0, 1, registry), EvaluateFold(registry, ["ingest/0"])
    predictions, labels = map(list, zip(*events(2, factor=2.0), strict=True))
    below = {**predictions[0], "prediction_id": "below", "prediction": {"value": -1.0}}
    half = {**labels[0], "label": 0.5}
    ingest.tick(NOW_MS)
    ingest.fold("predictions", records([*predictions, below]), NOW_MS)
    ingest.fold("labels", records([*labels, half]), NOW_MS)
    said, rejected = [], []
    for seconds in (6, 9, 12, 15):
        for topic in ("predictions", "labels", "features"):
            ingest.caught_up(topic, NOW_MS + seconds * 1000)
        for message in ingest.outputs():
            if message.topic == "rejected":
                rejected.append(msgspec.msgpack.decode(message.value, type=Rejection).message)
            else:
                evaluate.fold("profiles", [Record(0, 0, message.key, message.value)], 0)
        for message in evaluate.outputs():
            if message.topic == "statistics":
                said.append(msgspec.json.decode(message.value, type=WindowStatistics))
            else:
                said.append(msgspec.msgpack.decode(message.value, type=WindowFindings))
    of_labels = [each for each in said if each.kind == "labels"]
    statistics = {
        each.name: each.value for window in of_labels if isinstance(window, WindowStatistics)
        for each in window.statistics
    }  # fmt: skip
    findings = [
        [each.check, each.state, each.evidence.get("metric")] for window in of_labels
        if isinstance(window, WindowFindings) for each in window.findings
    ]  # fmt: skip
    print(json.dumps({"statistics": statistics, "findings": findings, "rejected": rejected}))  # noqa: T201


if __name__ == "__main__":
    main()
