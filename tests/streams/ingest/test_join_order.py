"""Counts are the same however far predictions or labels are read ahead of the other."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from tests.streams.ingest.test_stage import NOW_MS, _by_pane, fold, label, prediction, records

END = 2000
"""Seconds; the last events lie an hour further, and close all panes."""


def scene(seed: int) -> dict[str, list[object]]:
    """One partition: labels before and after their predictions, corrected, retracted, repeated, late."""
    source = random.Random(seed)  # noqa: S311
    predictions: list[tuple[float, object]] = []
    labels: list[tuple[float, object]] = []
    for i in range(150):
        at = source.uniform(0, END)
        arrives = at + source.choice([0, 5, 20, 100, 300])
        versions = ["1"] if source.random() < 0.9 else ["1", "2"]
        for version in versions:
            event = prediction(i, at, model_version=version)
            arrived = arrives + source.uniform(0, 30)
            predictions.append((arrived, event))
            if source.random() < 0.15:
                predictions.append((arrived + source.choice([0, 1, 100]), event))
        for _ in range(source.choice([0, 1, 1, 1, 2, 3])):
            known = at + source.choice([-90, -30, -1, 5, 30, 60, 200, 400])
            arrives = known + source.choice([0, 5, 20, 100, 300])
            truth = {"retracted": True} if source.random() < 0.1 else {}
            event = label(i, known, source.random() < 0.5, **truth)
            if source.random() < 0.1:
                del event["model"]
            labels += [(arrives, event)] * source.choice([1, 1, 1, 2])
    ends = [(END + 3600.0, prediction(9999, END + 3600)), (END + 3600.0, label(9999, END + 3600))]
    return {
        "predictions": [event for _, event in sorted([*predictions, ends[0]], key=lambda each: each[0])],
        "labels": [event for _, event in sorted([*labels, ends[1]], key=lambda each: each[0])],
    }


def read(seed: int, order: list[tuple[str, int]], restart_at: set[int] = frozenset()):
    ingest, outputs = fold(), []
    topics = {topic: records(events) for topic, events in scene(seed).items()}
    done = dict.fromkeys(topics, 0)
    for step, (topic, size) in enumerate([*order, ("labels", 10_000), ("predictions", 10_000)]):
        chunk = topics[topic][done[topic] : done[topic] + size]
        done[topic] += len(chunk)
        if chunk:
            ingest.fold(topic, chunk, NOW_MS)
        outputs += ingest.outputs()
        if step in restart_at:
            state, ingest = ingest.snapshot(), fold()
            ingest.restore(state)
            for needed, first in ingest.needs().items():
                ingest.remember(needed, topics[needed][first : done[needed]])
    return _by_pane(outputs), asdict(ingest.partition.labels), ingest.partition.accounts


orders = st.lists(
    st.tuples(st.sampled_from(["predictions", "labels"]), st.integers(1, 60)), min_size=0, max_size=20
)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 30), order=orders, restart_at=st.sets(st.integers(0, 20), max_size=3))
def test_it_does_not_matter_which_topic_is_read_further_ahead(seed, order, restart_at):
    assert read(seed, order, restart_at) == read(seed, [("predictions", 1000)])


def test_the_scene_has_every_outcome_of_a_label():
    _, account, _ = read(1, [("predictions", 1000)])
    assert min(account.values()) > 5, account


def test_predictions_wait_for_labels_that_are_only_behind():
    ingest = fold()
    rows = records([prediction(i, 60 * i) for i in range(2000)])
    ingest.caught_up("labels", NOW_MS)  # all labels that are published by then
    for at in range(0, len(rows), 100):
        ingest.fold("predictions", rows[at : at + 100], NOW_MS)
    ingest.fold("labels", records([label(i, 60 * i + 5) for i in range(2000)]), NOW_MS)
    assert ingest.partition.labels.matched == 2000
