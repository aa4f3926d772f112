"""A change of a monitor or reference takes effect at one point in event time, whenever who hears of it.

Both partitions of ingest and of evaluate learn of the change at moments of their own, before event time comes
to it. What is said of every window must equal what is said when all comes in one chunk and is known at once.
"""

import json
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.streams.evaluate.evaluating import Registry, by_series, monitor, said, statistics, watched
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.stage import IngestFold

MINUTE = 60_000
START = 1_700_000_000_000 // (120 * MINUTE) * 120 * MINUTE
CHANGE = START + 60 * MINUTE
NOW = START + 10**10
PARTITIONS = 2
EVENTS = 900
LABELS = {"expected_within": "PT2H", "min_labels": 20, "metrics": {"log_loss": {"worse_by": 0.1}}}
FEATURES = {"temp": {"type": "number"}, "sky": {"type": "category"}}

CASES = {
    "all that is counted": (
        watched(rows_per_min=15),
        {
            "features": {"sky": {"type": "boolean"}, "wind": {"type": "integer", "range": [0, 99]}},
            "segments": ["sky", "wind", "origin"],
            "windows": {"pane": "PT2M", "size": "PT12M", "lateness": "PT3M"},
            "labels": LABELS | {"threshold": 0.2, "window": "PT4M", "expected_within": "PT90M"},
        },
    ),
    "segments": (watched(), {"segments": ["sky"]}),
    "the budget": (watched(), {"false_pages": {"at_most": 5, "per": "P7D"}}),
    "the owner, with windows that overlap": (
        watched(windows={"pane": "PT1M", "size": "PT10M", "every": "PT5M", "lateness": "PT1M"}),
        {"owner": {"team": "others"}},
    ),
    "from overlapping to full windows": (
        watched(windows={"pane": "PT1M", "size": "PT10M", "every": "PT5M", "lateness": "PT4M"}),
        {"windows": {"pane": "PT5M", "size": "PT1H", "rows": 100, "lateness": "PT0S"}},
    ),
    "the task": (
        watched(),
        {"task": "regression", "labels": {"expected_within": "PT1H", "min_labels": 20}},
    ),
    "labels of long windows, cut in two": (
        watched(labels=LABELS | {"window": "PT45M"}), {"labels": LABELS | {"window": "PT50M"}},
    ),
    "the reference": (watched(), None),
}  # fmt: skip


def changed(before, changes):
    if changes is None:
        after = Watched(before.monitor, watched(seed=2).references, 1)
        return Timeline(before, (CHANGE, after))
    document = before.monitor.model_dump(mode="json", exclude_unset=True)
    after = Watched(monitor(**(document | changes)), before.references, 1)
    return Timeline(before, (CHANGE, after))


class Registered(Registry):
    """A registry that learns of a change."""

    def __init__(self, of):
        super().__init__({"delay": of})
        self.generation = 1

    def subjects(self):
        return list(self)

    def learn(self, of):
        if self.get("delay") is not of:
            self["delay"] = of
            self.generation += 1


def events():
    """Give (topic, partition, time, value): predictions in disorder, some twice; labels, corrected."""
    rng = np.random.default_rng(3)
    timed = []
    for n in range(EVENTS):
        arrives = START + n * 8000
        at = arrives - int(rng.integers(0, 2 * MINUTE) if n % 9 and n % 13 else 0)
        prediction = {
            "prediction_id": f"p{n}", "model": "delay", "model_version": "1" if n % 5 else "2",
            "event_time": at, "segments": {"origin": "EWR" if n % 2 else "JFK"},
            "features": {
                "temp": float(rng.normal(50, 10)) if n % 7 else "hot",
                "sky": [True, "clear", "rain"][n % 3], "wind": n % 11 + (n % 4 == 0) / 2,
            },
            "prediction": {"score": float(rng.random()) if n % 50 else 1.5, "value": float(rng.normal())},
        }  # fmt: skip
        timed += [(arrives + again, "predictions", n, at, prediction) for again in range(1 + (n % 9 == 0))]
        if n % 13 == 0:  # the same id again, at another time: across the change too
            timed.append((arrives + 3, "predictions", n, at, prediction | {"event_time": at - 2 * MINUTE}))
        for correction in range(1 + (n % 6 == 0)):
            known = arrives + (3 + 25 * (n % 3 == 0) + correction) * MINUTE
            label = {"prediction_id": f"p{n}", "label": (n + correction) % 4 == 0, "label_time": known}
            timed.append((known, "labels", n, known, label | ({"model": "delay"} if n % 8 else {})))
    timed.sort(key=lambda event: event[:3])
    return [(topic, n % PARTITIONS, at, json.dumps(value).encode()) for _, topic, n, at, value in timed]


def queues():
    found = {(topic, n): [] for topic in ("predictions", "labels") for n in range(PARTITIONS)}
    for topic, number, at, value in events():
        queue = found[topic, number]
        queue.append((at, Record(len(queue), NOW, b"k", value)))
    return found


QUEUES = queues()


class Run:
    """Ingest and evaluate, each with a registry of its own for each partition."""

    def __init__(self, before, after, rng=None, stops=0):
        self.after, self.rng = after, rng
        self.registries = [Registered(before if rng else after) for _ in range(2 * PARTITIONS)]
        hear = (lambda: CHANGE) if rng is None else (lambda: START + int(rng.integers(0, CHANGE - START)))
        self.hears = [hear() for _ in self.registries]
        self.stops = set() if rng is None else set(rng.integers(1, 200, stops).tolist())
        self.ingests = [self.ingest(n) for n in range(PARTITIONS)]
        self.evaluates = [self.evaluate(n) for n in range(PARTITIONS)]
        self.done = dict.fromkeys(QUEUES, 0)
        self.outputs, self.steps = [], 0

    def ingest(self, number):
        fold = IngestFold(number, PARTITIONS, self.registries[number])
        fold.tick(NOW)
        return fold

    def evaluate(self, number):
        return EvaluateFold(self.registries[PARTITIONS + number], [f"ingest/{n}" for n in range(PARTITIONS)])

    def learn(self, time_ms):
        for registry, hears_ms in zip(self.registries, self.hears, strict=True):
            if time_ms >= hears_ms:
                registry.learn(self.after)

    def step(self, topic, number, size):
        first = self.done[topic, number]
        chunk = QUEUES[topic, number][first : first + size]
        if not chunk:
            return
        self.learn(max(at for at, _ in chunk))
        self.ingests[number].fold(topic, [record for _, record in chunk], NOW)
        self.done[topic, number] += len(chunk)
        self.deliver(number)
        self.steps += 1
        if self.steps in self.stops:
            self.restart()

    def restart(self):
        for number, old in enumerate(self.ingests):
            fold = self.ingests[number] = self.ingest(number)
            fold.restore(old.snapshot())
            for topic, first in fold.needs().items():
                read = QUEUES[topic, number][first : self.done[topic, number]]
                fold.remember(topic, [record for _, record in read])
        for number, old in enumerate(self.evaluates):
            fold = self.evaluates[number] = self.evaluate(number)
            fold.restore(old.snapshot())

    def deliver(self, number):
        for message in self.ingests[number].outputs():
            if message.topic == "profiles":
                self.evaluates[message.partition].fold("profiles", [Record(0, 0, b"", message.value)], 0)
        for fold in self.evaluates:
            self.outputs.extend(fold.outputs())

    def end(self):
        for seconds in (6, 9, 12, 400, 403, 406):  # the last ones: no label waits for a prediction any more
            for number, ingest in enumerate(self.ingests):
                for topic in ("predictions", "labels", "features"):
                    ingest.caught_up(topic, NOW + seconds * 1000)
                    self.deliver(number)
        return by_series(self.outputs)


def at_once(before, after):
    run = Run(before, after)
    for topic, number in QUEUES:
        run.step(topic, number, 10**6)
    return run.end(), run


def in_pieces(before, after, seed, stops):
    rng = np.random.default_rng(seed)
    run, keys = Run(before, after, rng, stops), list(QUEUES)
    while any(run.done[key] < len(QUEUES[key]) for key in keys):
        for at in rng.permutation(len(keys)):
            run.step(*keys[at], int(rng.integers(1, 60)))
    return run.end(), run


class Case(NamedTuple):
    name: str
    before: Timeline[Watched]
    after: Timeline[Watched]
    series: Any
    run: Run

    def __repr__(self):
        return self.name


@pytest.fixture(scope="module", params=CASES)
def case(request):
    before, changes = CASES[request.param]
    after = changed(before, changes)
    before = Timeline(before)
    series, run = at_once(before, after)
    return Case(request.param, before, after, series, run)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(1, 10**6), stops=st.sampled_from([0, 4]))
def test_neither_chunks_nor_restarts_nor_when_who_hears_of_it_change_what_is_said(case, seed, stops):
    _, before, after, expected, whole = case
    found, run = in_pieces(before, after, seed, stops)
    for ours, theirs in zip(run.ingests, whole.ingests, strict=True):
        assert ours.partition.accounts == theirs.partition.accounts
        assert ours.partition.labels == theirs.partition.labels
    assert found == expected


def told(run):
    class Said:
        def outputs(self):
            return run.outputs

    return said(Said())


def test_the_change_mattered_and_no_window_holds_both_sides(case):
    rows, features, keys = Counter(), {False: set(), True: set()}, Counter()
    for window in statistics(told(case.run)):
        after = window.window_start_ms >= CHANGE
        assert after or window.window_end_ms <= CHANGE
        assert window.monitor_revision == after
        rows[window.kind, after] += window.rows
        keys[window.kind, window.version, window.window_start_ms, window.window_end_ms] += 1
        features[after] |= {each.feature for each in window.statistics if each.name == "missing_ratio"}
    assert all(rows[kind, after] > 50 for kind in ("predictions", "labels") for after in (False, True))
    assert max(keys.values()) == 1
    assert features[False] == {"temp", "sky"}
    assert features[True] == ({"wind", "sky"} if case.name == "all that is counted" else {"temp", "sky"})


def test_without_overlap_every_row_is_in_one_window(case):
    if "overlap" in case.name:
        return
    accepted = sum(ingest.partition.accounts["predictions"].accepted for ingest in case.run.ingests)
    matched = sum(ingest.partition.labels.matched for ingest in case.run.ingests)
    rows = Counter()
    for window in statistics(told(case.run)):
        rows[window.kind] += window.rows
    assert rows["predictions"] == accepted
    assert 0.9 * matched < rows["labels"] <= matched  # some labels say nothing


def test_labels_of_predictions_from_before_are_filed_under_the_dimensions_they_had():
    before, changes = CASES["segments"]
    _, run = at_once(before, changed(before, changes))
    segments = {
        (window.segment.partition("=")[0], window.window_start_ms >= CHANGE)
        for window in told(run)
        if not isinstance(window, WindowFindings) and window.kind == "labels" and window.segment
    }
    assert segments == {("origin", False), ("sky", True)}
    values = {each.segment for each in told(run) if not isinstance(each, WindowFindings)}
    assert not values & {"sky=EWR", "sky=JFK"}
