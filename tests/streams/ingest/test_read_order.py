"""Counts are the same whichever topic is read first, however long one is held back, and whoever is idle."""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streams.ingest.test_join_order import scene
from tests.streams.ingest.test_stage import MONITOR, NOW_MS, _by_pane, fold, label, prediction, records
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.fold.protocol import LOG_APPEND_TIME, Record
from watchkeeper.streams.ingest.early_labels import EarlyLabels
from watchkeeper.streams.ingest.labels import LabelsIntake
from watchkeeper.streams.ingest.partition import Partition
from watchkeeper.streams.ingest.stage import IngestFold

TOPICS = ("predictions", "labels")
HOUR_SECONDS = 3_600
Step = tuple[str, int]
"""A topic and the number of records to read; or "pause" and the seconds for which nothing is read."""


class Published(NamedTuple):
    """The seconds after which each topic is published, at once."""

    predictions: int
    labels: int


class Reader:
    """Reads two topics, and tells the fold each second which of them it has read to the end."""

    def __init__(self, seed: int, published: Published, timestamp_type: int = 0) -> None:
        self.ingest, self.outputs = fold(), []
        self.now_ms = NOW_MS
        self.done = dict.fromkeys(TOPICS, 0)
        self.published_ms = {topic: NOW_MS + 1000 * getattr(published, topic) for topic in TOPICS}
        self.topics = {
            topic: [
                record._replace(timestamp=self.published_ms[topic], timestamp_type=timestamp_type)
                for record in records(events)
            ]
            for topic, events in scene(seed).items()
        }
        self.ingest.tick(self.now_ms)

    def there(self, topic: str) -> list[Record]:
        """Return the records that are published by now."""
        return self.topics[topic] if self.now_ms >= self.published_ms[topic] else []

    def read(self, topic: str, size: int) -> None:
        """Read some records."""
        chunk = self.there(topic)[self.done[topic] : self.done[topic] + size]
        if chunk:
            self.ingest.fold(topic, chunk, self.now_ms)
            self.done[topic] += len(chunk)

    def pause(self, seconds: int) -> None:
        """Read nothing for a while."""
        for _ in range(seconds):
            self.now_ms += 1000
            for topic in (*TOPICS, "features"):
                if topic == "features" or self.done[topic] == len(self.there(topic)):
                    self.ingest.caught_up(topic, self.now_ms)

    def restart(self) -> None:
        """Continue in another process."""
        self.outputs += self.ingest.outputs()
        before, self.ingest = self.ingest, fold()
        self.ingest.restore(before.snapshot())
        self.ingest.tick(self.now_ms)
        for topic, first in self.ingest.needs().items():
            self.ingest.remember(topic, self.topics[topic][first : self.done[topic]])

    def take(self, steps: Iterable[Step], restart_at: Iterable[int] = ()) -> None:
        """Take steps."""
        for number, (what, size) in enumerate(steps):
            if what == "pause":
                self.pause(size)
            else:
                self.read(what, size)
            if number in restart_at:
                self.restart()

    def end(self) -> tuple[object, ...]:
        """Read the rest, and return all that was counted."""
        self.now_ms = max(self.now_ms, *self.published_ms.values())
        for topic in TOPICS[::-1]:
            self.read(topic, 10_000)
        self.pause(10)
        self.now_ms += HOUR_SECONDS * 1000
        self.pause(20)
        self.outputs += self.ingest.outputs()
        labels = self.ingest.partition.labels
        joined = (labels.matched, labels.corrected, labels.late)
        return _by_pane(self.outputs), joined, self.ingest.partition.accounts


def counted(
    seed: int, steps: Iterable[Step], published: Published, restart_at: Iterable[int] = (), **of: int
) -> tuple[object, ...]:
    reader = Reader(seed, published, **of)
    reader.take(steps, restart_at)
    return reader.end()


def expected(seed: int) -> tuple[object, ...]:
    """Return the counts if all predictions are read before all labels, without a pause."""
    return counted(seed, [("predictions", 10_000), ("labels", 10_000)], Published(0, 0))


steps = st.lists(
    st.tuples(st.sampled_from(TOPICS), st.integers(1, 80)) | st.tuples(st.just("pause"), st.integers(1, 40)),
    max_size=20,
)
publications = st.sampled_from([Published(0, 0), Published(1, 0), Published(60, 0), Published(0, 60)])


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 30),
    steps=steps,
    published=publications,
    restart_at=st.sets(st.integers(0, 20), max_size=3),
    timestamp_type=st.sampled_from([0, LOG_APPEND_TIME]),
)
def test_neither_what_is_read_first_nor_who_is_idle_changes_a_count(
    seed, steps, published, restart_at, timestamp_type
):
    found = counted(seed, steps, published, restart_at, timestamp_type=timestamp_type)
    assert found == expected(seed)


HELD_BACK = [
    ([("pause", 12), ("labels", chunk), ("predictions", chunk), ("pause", pause)] * 3, Published(0, wait))
    for chunk, pause, wait in product((10, 500), (0, 7), (0, 1))
] + [([("pause", 8), ("labels", 10_000), ("pause", 8)], Published(30, 0))]
"""Ways to read in which the one or the other topic is ahead, and the model was quiet before."""


def _labels_close_alone(partition: Partition, kind: str, subject: str) -> int:
    """The fault: while predictions are idle, labels close their panes by themselves."""
    latest_ms = partition.clock(kind, subject).latest_ms
    predictions = partition.clock("predictions", subject)
    waits = kind == "labels" and not predictions.idle
    return min(latest_ms, predictions.latest_ms) if waits else latest_ms


def _nothing(*_: object) -> None:
    """The fault: labels without a prediction hold nothing open."""


def _forget(intake: LabelsIntake, subject: str) -> None:
    """The fault: predictions without labels are forgotten at once."""
    for join in intake._partition.join.of_subject.get(subject, ()):
        join.expire(2**62)


PLANTED = [
    (Partition, "_reached_ms", _labels_close_alone),
    (EarlyLabels, "held_ms", _nothing),
    (LabelsIntake, "expire", _forget),
]


def _differs() -> bool:
    return any(counted(seed, *way) != expected(seed) for seed in range(2) for way in HELD_BACK)


@pytest.mark.parametrize(("of", "name", "fault"), PLANTED)
def test_a_planted_fault_is_found(monkeypatch, of, name, fault):
    assert not _differs()
    monkeypatch.setattr(of, name, fault)
    assert _differs()


@pytest.mark.parametrize("model", ["risk", None])
def test_labels_of_a_quiet_model_wait_for_predictions_published_after_them(model):
    reader = _quiet(model)
    reader.pause(60)
    reader.ingest.fold("predictions", records([prediction(i, i) for i in range(3000)]), reader.now_ms)
    assert (reader.ingest.partition.labels.matched, reader.ingest.partition.labels.late) == (3000, 0)


def test_a_prediction_that_never_comes_delays_the_labels_of_others_for_a_while_only():
    reader = _quiet("risk")
    reader.ingest.fold("predictions", records([prediction(i, i) for i in range(2999)]), reader.now_ms)
    reader.pause(100)
    assert reader.ingest.partition.panes.last_end_ms("labels", "risk") is not None
    reader.pause(250)
    assert reader.ingest.partition.panes.last_end_ms("labels", "risk") is None


def _quiet(model: str | None) -> Reader:
    """A model without any event for 12 seconds, and then with 3000 labels."""
    reader = Reader(0, Published(HOUR_SECONDS, HOUR_SECONDS))
    reader.pause(12)
    named = {} if model else {"model": None}
    labels = records([label(i, i + 30, **named) for i in range(3000)])
    now = [record._replace(timestamp=reader.now_ms) for record in labels]
    reader.ingest.fold("labels", now, reader.now_ms)
    return reader


def test_labels_flow_on_after_their_predictions_have_ended():
    ingest: IngestFold = fold()
    ingest.fold("predictions", records([prediction(i, i) for i in range(60)]), NOW_MS)
    now_ms = NOW_MS
    for first in range(0, 60, 5):
        now_ms += 4_000
        ingest.fold("labels", records([label(i, 120 * i) for i in range(first, first + 5)], first), now_ms)
        for topic in ("predictions", "labels", "features"):
            ingest.caught_up(topic, now_ms)
    assert not ingest.partition.clock("labels", "risk").idle
    assert (
        ingest.partition.clock("labels", "risk").closed_ms
        > ingest.partition.clock("predictions", "risk").latest_ms
    )


def test_a_label_that_names_no_model_waits_for_the_prediction_of_a_quiet_or_new_model():
    quiet = MONITOR.model_copy(update={"model": "quiet"})
    both = {"risk": Watched(MONITOR, {}), "quiet": Watched(quiet, {})}
    ingest = IngestFold(0, 2, Registry.fixed(both), idle_ms=5_000)
    ingest.tick(NOW_MS)
    for topic in ("predictions", "labels", "features"):
        ingest.caught_up(topic, NOW_MS + 6_000)
    ingest.fold("labels", records([label(0, 10, model=None)]), NOW_MS + 7_000)
    ingest.fold("predictions", records([prediction(i, 60 * i) for i in range(1, 60)]), NOW_MS + 8_000)
    assert ingest.partition.labels.orphaned == 0
    ingest.fold("predictions", records([prediction(0, 1, model="quiet")], 59), NOW_MS + 9_000)
    assert ingest.partition.labels.matched == 1
