"""Ingest and evaluate together: every event is in the statistics once, however it was chunked."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from tests.streams.evaluate.evaluating import Registry, by_series, minutes, monitor, said, statistics
from watchkeeper.schemas.findings import WindowFindings
from watchkeeper.streams.config.state import Watched
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.stage import IngestFold

PARTITIONS = 2
START = datetime(2023, 11, 14, 22, 0, tzinfo=UTC)
NOW_MS = round(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
EVENTS = 1200


class Registered(Registry):
    generation = 1

    def subjects(self):
        return list(self)


def events():
    """Give (topic, partition, value): predictions over an hour, labels 90 seconds later."""
    rng = np.random.default_rng(5)
    timed = []
    for n in range(EVENTS):
        at = START + timedelta(seconds=3 * n)
        prediction = {
            "prediction_id": f"p{n}", "model": "delay", "model_version": "1" if n < 800 else "2",
            "event_time": at.isoformat(), "segments": {"origin": "EWR" if n % 2 else "JFK"},
            "features": {"temp": float(rng.normal(50, 10)), "sky": "clear" if n % 3 else "rain"},
            "prediction": {"score": float(rng.random())},
        }  # fmt: skip
        timed.append((at, "predictions", n, prediction))
        told = at + timedelta(seconds=90)
        label = {
            "prediction_id": f"p{n}",
            "model": "delay",
            "label": n % 4 == 0,
            "label_time": told.isoformat(),
        }
        timed.append((told, "labels", n, label))
    timed.sort(key=lambda event: event[0])
    return [(topic, n % PARTITIONS, json.dumps(value).encode()) for _, topic, n, value in timed]


def run(chunk, seed=0):
    """Let both partitions of ingest take chunks in turn, and evaluate what they send."""
    registry = Registered({"delay": Watched(monitor(), {})})
    ingests = [IngestFold(number, PARTITIONS, registry) for number in range(PARTITIONS)]
    folds = [EvaluateFold(registry, [f"ingest/{n}" for n in range(PARTITIONS)]) for _ in range(PARTITIONS)]
    queues = {(topic, n): [] for topic in ("predictions", "labels") for n in range(PARTITIONS)}
    for topic, number, value in events():
        queues[topic, number].append(Record(len(queues[topic, number]), NOW_MS, b"k", value))
    order, outputs = np.random.default_rng(seed), []

    def deliver(ingest):
        for message in ingest.outputs():
            assert message.topic == "profiles"
            folds[message.partition].fold("profiles", [Record(0, 0, message.key, message.value)], 0)
        outputs.extend(each for fold in folds for each in fold.outputs())

    done = 0
    for ingest in ingests:
        ingest.tick(NOW_MS)
    while done < EVENTS:  # the partitions drift apart by chunks, and labels wait for their predictions
        done += chunk
        for at in order.permutation(len(queues)):
            (topic, number), queue = list(queues.items())[at]
            ingests[number].fold(topic, queue[:chunk], NOW_MS)
            del queue[:chunk]
            deliver(ingests[number])
    for seconds in (6, 9, 12):
        for ingest in ingests:
            for topic in ("predictions", "labels", "features"):
                ingest.caught_up(topic, NOW_MS + seconds * 1000)
                deliver(ingest)
    return outputs, folds


@pytest.fixture(scope="module")
def once():
    outputs, folds = run(chunk=50)
    return outputs, folds, told(outputs)


def told(outputs):
    class Said:
        def outputs(self):
            return outputs

    return said(Said())


def test_every_event_is_in_one_window_of_all_rows(once):
    _, _, said_of = once
    counted = Counter()
    for window in statistics(said_of):
        counted[window.kind, window.version] += window.rows
    assert counted == {
        ("predictions", "1"): 800, ("predictions", "2"): 400, ("labels", "1"): 800, ("labels", "2"): 400,
    }  # fmt: skip
    assert all(each.value == 0 for window in said_of if not isinstance(window, WindowFindings)
               for each in window.statistics if each.name in ("late_rows", "dropped_rows"))  # fmt: skip


def test_each_window_of_an_hour_is_there_once(once):
    _, _, said_of = once
    ends = [minutes(w)[1] for w in said_of if isinstance(w, WindowFindings) and w.kind == "predictions"
            and w.version == "1" and w.checked != ["silent"]]  # fmt: skip
    assert len(ends) == len(set(ends)) == 8
    assert all(later - earlier == 5 for earlier, later in pairwise(ends))


def test_nothing_is_left_open(once):
    _, folds, _ = once
    assert sum(len(each.windows.grains) for fold in folds for each in fold._windows) == 0


@pytest.mark.parametrize(("chunk", "seed"), [(7, 1), (200, 2), (1000, 3)])
def test_chunks_do_not_change_what_is_said(once, chunk, seed):
    expected, _, _ = once
    outputs, _ = run(chunk, seed)
    assert by_series(outputs) == by_series(expected)
