"""Hostile input: the number of series stays under what is stated, and state does not grow with the events."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from watchkeeper.schemas.monitors import Monitor
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Message, Record
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.metrics.series_bound import series_bound
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.page.stage import PageFold
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stages import stages
from watchkeeper.streams.worker.stage_metrics import Observer

EVENTS = int(os.environ.get("WATCHKEEPER_HOSTILE_EVENTS", "40000"))
"""A million of them: WATCHKEEPER_HOSTILE_EVENTS=1000000."""
EVERY_MS = max(1, 4_000_000 // EVENTS)
"""An hour of them: most of the windows that are kept as the recent past come and go in its first half."""
CHUNK = 2_000
MAX_SERIES = 500
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
MONITOR = Monitor.model_validate(
    {
        "model": "risk",
        "owner": {"team": "ml"},
        "task": "binary-classification",
        "features": {"age": {"type": "number"}, "country": {"type": "category"}},
        "segments": ["country", "device"],
        "windows": {"pane": "PT1M", "size": "PT1M", "lateness": "PT0S"},
        "labels": {"expected_within": "PT2M"},
    }
)


def hostile(number: int) -> bytes:
    """An event with a category and a segment that nobody has seen, of a version or a model nobody knows."""
    event = {
        "prediction_id": f"p{number}",
        "model": "risk" if number % 4 else f"model-{number}",
        "model_version": f"v{number % 500}" if number % 3 == 0 else "1",
        "event_time": (START + timedelta(milliseconds=EVERY_MS * number)).isoformat(),
        "features": {"age": number, "country": f"country-{number}", f"feature-{number}": number},
        "segments": {"device": f"device-{number}", f"dimension-{number}": "x"},
        "prediction": {"score": 0.5},
    }
    return json.dumps(event).encode()


class Worker:
    """All stages of one partition in this process, with metrics as a worker has them."""

    def __init__(self) -> None:
        registry = Registry.fixed({"risk": Watched(MONITOR, {})})
        self.metrics = Metrics(CollectorRegistry(), MAX_SERIES)
        self.ingest = IngestFold(0, 1, registry)
        self.evaluate = EvaluateFold(registry, ["ingest/0"])
        self.page, self.notify = PageFold(registry), NotifyFold()
        self._observer = Observer(self.metrics, stages(Settings(), registry))
        self.told, self._now_ms = 0, NOW_MS

    def take(self, records: list[Record]) -> None:
        self._now_ms = NOW_MS + EVERY_MS * records[-1].offset  # labels do not come, and are idle
        self.ingest.fold("predictions", records, self._now_ms)
        self.ingest.tick(self._now_ms)
        self.ingest.caught_up("labels", self._now_ms)
        self._on("ingest", self.ingest.outputs())
        self._observer.saved("ingest", 0, self.ingest)
        for name, fold in (("page", self.page), ("notify", self.notify)):
            self._observer.look(name, 0, fold)

    def _on(self, stage: str, messages: list[Message]) -> None:
        self.metrics.observe_outputs(stage, 0, messages)
        nexts = {"profiles": self.evaluate, "findings": self.page, "alerts": self.notify}
        names = {"profiles": "evaluate", "findings": "page", "alerts": "notify"}
        for message in messages:
            self.told += 1
            if (fold := nexts.get(message.topic)) is not None:
                record = Record(self.told, self._now_ms, message.key, message.value)
                fold.fold(message.topic, [record], self._now_ms)
                self._on(names[message.topic], fold.outputs())

    def series(self) -> int:
        families = self.metrics.registry.collect()
        names = (sample.name for family in families for sample in family.samples)
        return sum(not name.endswith("_created") for name in names)

    def state_bytes(self) -> int:
        return sum(len(fold.snapshot()) for fold in (self.ingest, self.evaluate, self.page, self.notify))


def chunks() -> Iterator[list[Record]]:
    for first in range(0, EVENTS, CHUNK):
        yield [Record(n, NOW_MS, f"p{n}".encode(), hostile(n)) for n in range(first, first + CHUNK)]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.long
@pytest.mark.timeout(600 + EVENTS // 500)
def test_series_and_memory_stay_bounded_whatever_is_published() -> None:
    worker, sizes, resident = Worker(), [], []
    bound = series_bound(partitions=1, subjects=1, max_series=MAX_SERIES)
    for chunk in chunks():
        worker.take(chunk)
        assert worker.series() <= bound.total
        sizes.append(worker.state_bytes())
        resident.append(resident_bytes())
    late = len(sizes) // 2
    print(  # noqa: T201 - with -s, for who wants the figures
        f"{EVENTS} events: {worker.series()} series of {bound.total} at most, state of "
        f"{max(sizes[:late]) / 1e6:.1f} MB, then {max(sizes[late:]) / 1e6:.1f} MB; process of "
        f"{max(resident[:late]) / 1e6:.0f} MB, then {max(resident[late:]) / 1e6:.0f} MB"
    )
    assert max(sizes[late:]) <= 1.2 * max(sizes[:late])
    assert max(resident[late:]) <= max(resident[:late]) + 50e6
    # It was hostile, and it was seen: unknown models rejected, statistics beyond the limit left out.
    get = worker.metrics.registry.get_sample_value
    assert (
        get("watchkeeper_rejected_total", {"topic": "predictions", "reason": "unknown_model"}) == EVENTS / 4
    )
    assert (get("watchkeeper_statistic_series_dropped_total") or 0) > 0
    shown = [
        s for f in worker.metrics.registry.collect() if f.name == "watchkeeper_statistic" for s in f.samples
    ]
    assert 0 < len(shown) <= MAX_SERIES


@pytest.mark.long
@pytest.mark.timeout(600)
def test_series_of_what_moved_away_are_gone() -> None:
    worker = Worker()
    for chunk, _ in zip(chunks(), range(8), strict=False):
        worker.take(chunk)
    before = worker.series()
    for stage in ("ingest", "evaluate", "page", "notify"):
        worker.metrics.forget(stage, 0)
    text = [s for f in worker.metrics.registry.collect() for s in f.samples if "risk" in s.labels.values()]
    assert text == []
    assert worker.series() < before - MAX_SERIES / 2


def test_a_bound_is_stated_for_every_metric_and_grows_only_with_partitions_and_subjects() -> None:
    small, large = series_bound(4, 2, 100), series_bound(8, 20, 100)
    assert small.statistics == large.statistics == 100
    assert small.own < large.own
