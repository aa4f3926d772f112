import numpy as np
import pytest

from watchkeeper.detectors.checks.build_reference import build_reference
from watchkeeper.detectors.checks.reference import reference_labels, reference_rows
from watchkeeper.detectors.online.registry import OF_PANES
from watchkeeper.detectors.online.signals import (
    Signal,
    SignalName,
    row_samples,
    row_signals,
)
from watchkeeper.detectors.online.watch import MEAN_ROWS_MIN, SIGNALS_MAX, Watch
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tasks import TASKS, labels_of
from watchkeeper.schemas.monitors import Monitor

RNG = np.random.default_rng(7)
MODEL = {
    "model": "delay",
    "owner": {"team": "ml"},
    "task": "binary-classification",
    "features": {"temp": {"type": "number"}, "sky": {"type": "category"}},
    "labels": {},
}


def monitor(**changes):
    return Monitor.model_validate(MODEL | changes)


def rows(n, mean=50.0, missing=0.01):
    numbers = RNG.normal(mean, 10, (1, n))
    numbers[:, RNG.random(n) < missing] = np.nan
    return Columns(n, numbers, [["clear"] * n], scores=RNG.random(n))


@pytest.fixture(scope="module")
def reference():
    columns = rows(5000)
    labels = (RNG.random(5000) < columns.scores).astype(float)
    return build_reference(monitor(), columns, {}, labels=labels, built_at_ms=1)


def samples(reference, columns):
    profile = RowsProfile.empty(Layout.of(monitor(), reference))
    profile.add(columns)
    return row_samples(profile)


def watch(reference):
    return Watch(row_signals(reference_rows(reference, None)))


def test_rows_have_a_signal_for_each_mean_each_missing_share_and_the_output(reference):
    assert set(row_signals(reference_rows(reference, None))) == {
        SignalName("missing", "temp"), SignalName("mean", "temp"),
        SignalName("missing", "sky"), SignalName("output"),
    }  # fmt: skip


def test_the_mean_of_a_healthy_pane_is_near_one_half(reference):
    signals = row_signals(reference_rows(reference, None))
    count, total = samples(reference, rows(1000))[SignalName("mean", "temp")]
    assert count == pytest.approx(990, abs=15)
    assert signals[SignalName("mean", "temp")].value(total / count) == pytest.approx(0.5, abs=0.05)


def test_a_shift_of_half_a_deviation_is_phi_of_one():
    assert Signal(centre=50.0, spread=10.0).value(55.0) == pytest.approx(0.8413, abs=1e-4)


@pytest.mark.parametrize("mean", [-1e308, 1e308, 0.0])
def test_no_mean_leaves_the_unit_interval(mean):
    assert 0 <= Signal(centre=50.0, spread=1e-3).value(mean) <= 1
    assert 0 <= Signal(baseline=0.1).value(mean) <= 1


def test_a_feature_that_is_constant_in_the_reference_has_no_mean_signal():
    constant = Columns(100, np.full((1, 100), 3.0), [["clear"] * 100], scores=np.full(100, 0.5))
    of_constant = build_reference(monitor(), constant, {}, built_at_ms=1)
    assert set(row_signals(reference_rows(of_constant, None))) == {
        SignalName("missing", "temp"),
        SignalName("missing", "sky"),
    }


def test_a_shift_alarms_and_names_the_pane(reference):
    watching = watch(reference)
    for n in range(50):
        watching.feed(samples(reference, rows(100)), n * 1000)
    before = watching.conclude()
    for n in range(50, 110):
        watching.feed(samples(reference, rows(100, mean=58.0)), n * 1000)
    after = watching.conclude()
    assert before.alarms == {}
    assert set(after.alarms) == {SignalName("mean", "temp")}
    assert set(after.alarms[SignalName("mean", "temp")]) == set(OF_PANES)
    assert all(50_000 <= at_ms < 110_000 for at_ms in after.alarms[SignalName("mean", "temp")].values())
    value = {(each.name, each.feature): each.value for each in after.statistics}
    assert value["detector_alarm", "temp"] == len(OF_PANES)
    assert value["detector_alarm", "sky"] == 0
    assert value["detector_score", "temp"] >= 1 > value["detector_score", None]
    assert watching.conclude().alarms == {}


def test_missing_values_alarm_as_such(reference):
    watching = watch(reference)
    for n in range(60):
        watching.feed(samples(reference, rows(100, missing=0.01 if n < 20 else 0.4)), n)
    assert "e_sr" in watching.conclude().alarms[SignalName("missing", "temp")]


def test_small_panes_are_put_together(reference):
    watching, signals = watch(reference), row_signals(reference_rows(reference, None))
    alone = Watch(signals)
    for _ in range(4):
        watching.feed(
            {SignalName("mean", "temp"): (MEAN_ROWS_MIN // 4 + 1, 60.0 * (MEAN_ROWS_MIN // 4 + 1))}, 1
        )
    count = 4 * (MEAN_ROWS_MIN // 4 + 1)
    alone.feed({SignalName("mean", "temp"): (count, 60.0 * count)}, 1)
    assert watching.snapshot() == alone.snapshot()
    assert watching.conclude().statistics == alone.conclude().statistics


def test_a_restored_watch_goes_on_as_if_it_had_never_stopped(reference):
    lived, panes = watch(reference), [samples(reference, rows(20, mean=50 + n / 3)) for n in range(60)]
    for n, pane in enumerate(panes[:31]):
        lived.feed(pane, n)
    restored = watch(reference)
    restored.restore(lived.snapshot())
    for n, pane in enumerate(panes[31:]):
        lived.feed(pane, n)
        restored.feed(pane, n)
    assert restored.snapshot() == lived.snapshot()
    concluded = restored.conclude()
    assert concluded == lived.conclude()
    assert concluded.alarms


def test_signals_beyond_the_limit_are_counted():
    many = {SignalName("mean", f"f{n}"): Signal() for n in range(SIGNALS_MAX + 3)}
    watching = Watch(many)
    assert watching.ignored == 3
    assert watching.conclude().statistics[-1].value == 3


def test_the_error_rate_of_labels_is_a_signal(reference):
    of_reference = reference_labels(reference, None)
    layout = Layout.of(monitor(), reference)
    profile, binary = labels_of(layout).empty(layout), TASKS["binary-classification"]
    scores = RNG.random(400)
    profile.add(scores, (scores < 0.5).astype(float), np.full(400, 1000.0))
    assert binary.online_samples(profile) == {SignalName("error"): (400, 400.0)}
    assert binary.online_signals(of_reference)[SignalName("error")].baseline == pytest.approx(0.25, abs=0.03)


def test_the_absolute_error_of_a_regression_is_a_signal():
    regression = monitor(task="regression")
    values, errors = RNG.normal(100, 20, 2000), RNG.normal(0, 5, 2000)
    columns = Columns(2000, RNG.normal(size=(1, 2000)), [["clear"] * 2000], scores=values)
    made = build_reference(regression, columns, {}, labels=values + errors, built_at_ms=1)
    signal = TASKS["regression"].online_signals(reference_labels(made, None))[SignalName("error")]
    assert signal.centre == pytest.approx(np.abs(errors).mean(), rel=1e-3)
    assert signal.spread == pytest.approx(np.abs(errors).std(), rel=1e-3)


def test_no_labels_in_the_reference_means_no_signal():
    layout = Layout.of(monitor(), None)
    assert TASKS["binary-classification"].online_signals(labels_of(layout).empty(layout)) == {}
