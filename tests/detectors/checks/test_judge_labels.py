"""When a model counts as worse."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.detectors.checks.worlds import declare
from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.judge_rows import judge_labels
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.tasks import TASKS, labels_of

HOUR_MS = 3.6e6
FEATURES = {"a": {"type": "number"}}


def scored(n, sharpness, seed=0, base=0.3):
    """Draw scores and labels; at sharpness 1 the scores are calibrated, at 0 they say nothing."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(1, 2, n)
    return scores, (rng.random(n) < sharpness * scores + (1 - sharpness) * base).astype(float)


def errors(n, scale, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.normal(100, 20, n)
    return labels + rng.normal(shift, scale, n), labels


class World:
    """A model with labels and a reference of 5000 of them."""

    def __init__(self, task="binary-classification", *, reference=True, **labels):
        self.monitor = declare(task=task, features=FEATURES, labels={"expected_within": "PT12H", **labels})
        scores, truth = scored(5000, 1.0) if task == "binary-classification" else errors(5000, 5.0)
        columns = Columns(5000, np.zeros((1, 5000)), [], scores=scores)
        built = build_reference(self.monitor, columns, {}, labels=truth, built_at_ms=0)
        self.reference = built if reference else None
        self.layout = Layout.of(self.monitor, self.reference)

    def judge(self, scores, labels, lag_hours=6.0):
        window = labels_of(self.layout).empty(self.layout)
        window.add(scores, labels, np.full(len(labels), lag_hours * HOUR_MS))
        return judge_labels(self.monitor, self.layout, self.reference, window, None)

    def worse(self, scores, labels):
        findings = self.judge(scores, labels).findings
        return [
            each.evidence["metric"]
            for each in findings
            if each.state == "bad" and each.check == "performance"
        ]


@pytest.mark.parametrize("seed", range(10))
def test_a_model_as_good_as_its_reference_is_ok(seed):
    assert World().worse(*scored(1000, 1.0, seed + 1)) == []
    assert World("regression").worse(*errors(1000, 5.0, seed + 1)) == []


def test_a_model_that_says_nothing_is_worse():
    judged = World().judge(*scored(3000, 0.0, 1))
    assert World().worse(*scored(3000, 0.0, 1)) == ["auroc", "log_loss"]
    finding = judged.findings[0]
    assert finding.value < finding.threshold
    assert re.match(
        r"auroc is 0\.5\d* \(0\.\d+ to 0\.\d+\) on 3000 labels; the limit is 0\.\d+, because",
        finding.explanation,
    )


def test_what_chance_may_do_is_not_worse():
    world = World(min_labels=20)
    assert world.worse(*scored(40, 0.5, 1)) == []
    assert "auroc" in world.worse(*scored(4000, 0.5, 1))


def test_a_loss_within_tolerance_is_not_worse():
    assert World(metrics={"auroc": {"worse_by": 0.05}}).worse(*scored(4000, 0.3, 1)) == ["auroc"]
    assert World(metrics={"auroc": {"worse_by": 0.4}}).worse(*scored(4000, 0.3, 1)) == []


@pytest.mark.parametrize("metric", ["auroc", "log_loss", "accuracy", "brier", "f1"])
def test_each_metric_of_classifiers_can_be_worse(metric):
    assert World(metrics={metric: {}}).worse(*scored(20_000, 0.0, 1, base=0.6)) == [metric]


def test_miscalibrated_scores_have_a_worse_ece():
    scores, labels = scored(5000, 1.0, 1)
    assert World(metrics={"ece": {}, "auroc": {}}).worse(scores**3, labels) == ["ece"]


@pytest.mark.parametrize(("metric", "drawn"), [
    ("mae", errors(2000, 7.0)), ("rmse", errors(2000, 7.0)), ("bias", errors(2000, 5.0, shift=2.0)),
    ("bias", errors(2000, 5.0, shift=-2.0)),
])  # fmt: skip
def test_each_metric_of_regressions_can_be_worse(metric, drawn):
    assert World("regression", metrics={metric: {}}).worse(*drawn) == [metric]


def test_fixed_limits_need_no_reference():
    world = World(reference=False, metrics={"auroc": {"at_least": 0.7}, "brier": {"at_most": 0.1}})
    assert world.worse(*scored(3000, 0.0, 1)) == ["auroc", "brier"]
    assert World(metrics={"auroc": {"at_least": 0.4}}).worse(*scored(3000, 0.0, 1)) == []


def test_a_fixed_limit_must_be_passed_beyond_chance():
    world = World(reference=False, metrics={"accuracy": {"at_least": 0.8}})
    value = (
        TASKS["binary-classification"]
        .metrics["accuracy"]
        .estimate(_profile(world, *scored(300, 1.0, 1)))
        .value
    )
    assert 0.7 < value < 0.8
    assert world.worse(*scored(300, 1.0, 1)) == []


def _profile(world, scores, labels):
    profile = labels_of(world.layout).empty(world.layout)
    profile.add(scores, labels, np.zeros(len(labels)))
    return profile


def test_few_labels_are_no_data():
    judged = World().judge(*scored(50, 0.0, 1))
    assert [(each.check, each.state) for each in judged.findings] == [("performance", "no_data")]
    assert "50 labels arrived; 200 are needed" in judged.findings[0].explanation
    assert "performance" in judged.checked


def test_a_reference_without_labels_is_no_data():
    judged = World(reference=False).judge(*scored(500, 1.0, 1))
    assert {each.state for each in judged.findings} == {"no_data"}
    assert len(judged.findings) == 2


def test_a_metric_that_the_labels_do_not_allow_is_no_data():
    judged = World(metrics={"auroc": {}}).judge(np.linspace(0, 1, 500), np.ones(500))
    assert [each.state for each in judged.findings] == ["no_data"]
    assert "auroc cannot be computed" in judged.findings[0].explanation


def test_labels_that_come_late_are_named():
    (finding,) = World().judge(*scored(500, 1.0, 1), lag_hours=30.0).findings
    assert finding.check == "labels_late"
    assert finding.value == pytest.approx(30, rel=0.02)
    assert "the limit is 12 h" in finding.explanation


def test_a_monitor_without_labels_is_not_judged_on_them():
    monitor = declare(features=FEATURES, labels=None)
    layout = Layout.of(monitor, None)
    judged = judge_labels(monitor, layout, None, labels_of(layout).empty(layout), None)
    assert (judged.findings, judged.checked) == ([], [])


@pytest.mark.parametrize("task", TASKS)
def test_a_reference_of_another_task_has_no_labels_to_compare_with(task):
    world, others = World(task), [World(name) for name in TASKS if name != task]
    drawn = scored(500, 1.0) if task == "binary-classification" else errors(500, 5.0)
    for other in others:
        world.reference = msgspec.structs.replace(world.reference, **_labels_of(other.reference))
        judged = world.judge(*drawn)
        assert {each.state for each in judged.findings} == {"no_data"}
        assert all("no reference with labels" in each.explanation for each in judged.findings)


def _labels_of(reference):
    return {"labels": reference.labels, "binning": reference.binning}


def test_a_window_of_another_layout_is_refused():
    world, other = World(), World("regression")
    with pytest.raises(ValueError, match="layout"):
        judge_labels(world.monitor, world.layout, None, labels_of(other.layout).empty(other.layout), None)


def test_every_statistic_of_labels_is_documented():
    page = Path(__file__).parents[3] / "docs" / "reference" / "statistics.md"
    documented = set(re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE))
    emitted = {each.name for each in World().judge(*scored(500, 1.0, 1)).statistics}
    emitted |= {each.name for each in World("regression").judge(*errors(500, 5.0)).statistics}
    assert {name for task in TASKS.values() for name in task.metrics} <= emitted <= documented


def test_metrics_are_given_with_their_bounds():
    statistics = {each.name: each for each in World().judge(*scored(500, 1.0, 1)).statistics}
    auroc = statistics["auroc"]
    assert auroc.lower < auroc.value < auroc.upper
    assert statistics["labels"].value == 500
    assert statistics["label_lag_p50_ms"].value == pytest.approx(6 * HOUR_MS, rel=0.016)


@pytest.mark.parametrize("task", TASKS)
def test_labels_counted_for_another_task_are_no_data(task):
    """Panes from before a change of the task can lie in a window of the changed monitor."""
    world, (before,) = World(task), [World(each) for each in TASKS if each != task]
    window = labels_of(before.layout).empty(before.layout)
    window.add(np.full(500, 0.5), np.ones(500), np.full(500, HOUR_MS))
    judged = judge_labels(world.monitor, before.layout, before.reference, window, None)
    assert [(each.check, each.state) for each in judged.findings] == [
        ("performance", "no_data") for _ in TASKS[task].judged
    ]
    assert {"labels", *TASKS[before.monitor.task].measure(window)} <= {
        each.name for each in judged.statistics
    }
