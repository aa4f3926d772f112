"""What every task of `TASKS` must keep to; a new one is tested by its line there."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.reference import reference_labels
from watchkeeper.detectors.engine.model import reference_model
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.validation import Implausible
from watchkeeper.detectors.tasks import ERROR, LABEL_SIGNALS, TASKS, labels_of, read_label, task_of
from watchkeeper.schemas.events import Output
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Binning, NumberBinning
from watchkeeper.schemas.tasks import SCHEMAS, Metric, TaskName

ROOT = Path(__file__).parents[3]
ROWS = 3000
NOT_ITS_HOME = re.compile(rf'"(?:{"|".join(TASKS)})"|\.binary\b')
ALLOWED = {"schemas/tasks.py", "streams/canary/subject.py"}
"""The list of names, and the monitor of a model of our own."""

each_task = pytest.mark.parametrize("name", TASKS)


def drawn(name, rows=ROWS):
    """Draw outputs and labels that a task can have."""
    rng = np.random.default_rng(4)
    if SCHEMAS[name].output_range == (0.0, 1.0):
        scores = rng.random(rows)
        return scores, (rng.random(rows) < scores).astype(float)
    labels = rng.normal(50, 9, rows)
    return labels + rng.normal(0, 3, rows), labels


def built(name):
    monitor = Monitor.model_validate(
        {
            "model": "m", "owner": {"team": "ml"}, "task": name, "labels": {},
            "features": {"temp": {"type": "number"}},
        }
    )  # fmt: skip
    scores, labels = drawn(name)
    columns = Columns(ROWS, np.zeros((1, ROWS)), [], scores=scores)
    return build_reference(monitor, columns, {}, labels=labels, built_at_ms=1)


def profile(name, rows=ROWS):
    layout = Layout(Binning({}, {}, NumberBinning(), name))
    counted = labels_of(layout).empty(layout)
    scores, labels = drawn(name, rows)
    counted.add(scores, labels, np.full(rows, 60_000.0))
    return counted


def test_each_name_of_a_monitor_has_its_task_and_its_schema():
    assert tuple(TASKS) == tuple(SCHEMAS) == get_args(TaskName)
    assert all(task.name == name for name, task in TASKS.items())


def test_each_metric_belongs_to_a_task():
    assert {metric for schema in SCHEMAS.values() for metric in schema.metrics} == set(get_args(Metric))


@each_task
def test_metrics_are_those_that_a_monitor_may_name(name):
    task = TASKS[name]
    assert tuple(task.metrics) == SCHEMAS[name].metrics
    assert set(task.judged) <= set(task.metrics)
    assert {metric.share_of for metric in task.metrics.values()} - {None} <= set(task.metrics)
    assert set(task.measure(profile(name))) == set(task.metrics)


@each_task
def test_metrics_lie_within_their_bounds(name):
    for metric, estimate in TASKS[name].measure(profile(name)).items():
        least, most = TASKS[name].metrics[metric].least, TASKS[name].metrics[metric].most
        assert least is None or estimate.value >= least
        assert most is None or estimate.value <= most


@each_task
def test_the_output_is_a_field_of_the_wire(name):
    task = TASKS[name]
    assert task.output_field in task.output_struct.__struct_fields__
    assert task.output_field in Output.__struct_fields__


@each_task
def test_a_profile_that_was_written_is_read_and_says_the_same(name):
    counted = profile(name)
    read = type(counted).decode(counted.encode(), counted.layout)
    assert read.encode() == counted.encode()
    assert TASKS[name].measure(read) == TASKS[name].measure(counted)


@each_task
def test_the_counts_of_another_task_are_refused(name):
    for other in TASKS:
        if other != name:
            mine, theirs = profile(name), profile(other)
            with pytest.raises(Implausible):
                type(mine).decode(theirs.encode(), mine.layout)


@each_task
def test_the_engine_and_the_online_detectors_are_fed_from_its_profiles(name):
    task, made = TASKS[name], built(name)
    signals = task.label_signals(Layout(made.binning), *drawn(name))
    assert signals[0].name == ERROR
    assert {each.name for each in signals} == task.signals <= LABEL_SIGNALS
    assert sum(each.weight for each in signals) == pytest.approx(1)
    counted = reference_labels(made, None)
    for channel in reference_model(made).labels:
        assert task.is_counted(channel.name, channel.bins.count)
        assert task.tally(counted, channel.name, channel.bins).sum() == ROWS
    ((signal, (count, _)),) = task.online_samples(counted).items()
    assert (signal.signal, count) == (ERROR, ROWS)
    assert task.online_signals(counted).keys() == {signal}
    assert task.online_signals(type(counted).empty(counted.layout)) == {}


@each_task
def test_its_row_is_in_the_docs(name):
    page = (ROOT / "docs" / "reference" / "statistics.md").read_text()
    (row,) = re.findall(rf"^\| `{name}` \| `{TASKS[name].output_field}`.*$", page, re.MULTILINE)
    *_, metrics, judged, _ = row.split("|")
    assert tuple(re.findall(r"`(\w+)`", metrics)) == tuple(TASKS[name].metrics)
    assert tuple(re.findall(r"`(\w+)`", judged)) == TASKS[name].judged


@pytest.mark.parametrize(
    ("value", "label"), [(True, 1.0), (0, 0.0), (2.5, 2.5), ("yes", None), (None, None), (10**400, np.inf)]
)
def test_labels_are_numbers(value, label):
    assert read_label(value) == label
    assert [task.label(value) for task in TASKS.values()] == [label] * len(TASKS)


def test_labels_of_no_task_are_read_as_those_of_the_first():
    assert task_of(None) is next(iter(TASKS.values()))


def test_nothing_else_asks_for_a_task_by_its_name():
    found = {
        str(path.relative_to(ROOT))
        for package in ("schemas", "detectors", "alerting", "streams")
        for path in (ROOT / package).rglob("*.py")
        if path.parent.name != "tasks" and NOT_ITS_HOME.search(path.read_text())
    }
    assert found == ALLOWED


def test_a_metric_is_worse_in_the_direction_and_by_the_tolerance_that_users_rely_on():
    """A changed default would change alerts of monitors that set none."""
    assert {
        metric: (measured.better, measured.worse_by, measured.share_of)
        for task in TASKS.values()
        for metric, measured in task.metrics.items()
    } == {
        "auroc": ("higher", 0.05, None),
        "log_loss": ("lower", 0.05, None),
        "accuracy": ("higher", 0.05, None),
        "f1": ("higher", 0.05, None),
        "brier": ("lower", 0.02, None),
        "ece": ("lower", 0.05, None),
        "mae": ("lower", 0.2, "mae"),
        "rmse": ("lower", 0.2, "rmse"),
        "bias": ("zero", 0.2, "rmse"),
    }
