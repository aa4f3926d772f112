import numpy as np
import pytest

from benchmarks.detection.healthy import DAY_ROWS, HEALTHY
from benchmarks.detection.streams import ERRORS, NORMAL, STREAMS, generator

ROWS = 200_000


def drawn(draw, *path, rows=ROWS):
    return draw(generator("test", *path), rows)


def correlation(values, lag):
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def kurtosis(values):
    return float(np.mean(((values - values.mean()) / values.std()) ** 4))


def test_errors_come_at_the_rates_that_the_changes_are_named_for():
    assert drawn(ERRORS.healthy).mean() == pytest.approx(0.10, abs=0.003)
    rates = {change: drawn(draw, change).mean() for change, draw in ERRORS.changes.items()}
    assert rates == pytest.approx(
        {".10->.12": 0.12, ".10->.15": 0.15, ".10->.20": 0.20, ".10->.30": 0.30}, abs=0.004
    )


@pytest.mark.parametrize(
    ("change", "mean", "sd"),
    [
        ("mean+.1", 0.1, 1), ("mean+.25", 0.25, 1), ("mean+.5", 0.5, 1), ("sd*1.25", 0, 1.25),
        ("sd*1.5", 0, 1.5), ("bimodal", 0, 1), ("t3 tails", 0, 1),
    ],
)  # fmt: skip
def test_a_feature_changes_as_it_is_named(change, mean, sd):
    values = drawn(NORMAL.changes[change], change)
    assert values.mean() == pytest.approx(mean, abs=0.01)
    assert values.std() == pytest.approx(sd, rel=0.04)


def test_the_shapes_have_the_mean_and_the_variance_of_before_but_not_its_tails():
    assert kurtosis(drawn(NORMAL.healthy)) == pytest.approx(3, abs=0.1)
    assert kurtosis(drawn(NORMAL.changes["bimodal"])) < 2
    assert kurtosis(drawn(NORMAL.changes["t3 tails"])) > 6


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_stream_is_the_same_each_time_and_another_elsewhere(name):
    draw = HEALTHY[name].draw
    values = drawn(draw, name, rows=3000)
    assert len(values) == 3000
    assert np.isfinite(values).all()
    assert np.array_equal(values, drawn(draw, name, rows=3000))
    assert not np.array_equal(values, drawn(draw, "other", rows=3000))


def test_seasonal_errors_swing_between_08_and_12():
    rates = drawn(HEALTHY["seasonal errors"].draw, rows=400_000).reshape(20, 4, 5000).mean(axis=(0, 2))
    swing = 0.02 * 2 / np.pi
    assert rates == pytest.approx([0.10 + swing, 0.10 + swing, 0.10 - swing, 0.10 - swing], abs=0.004)


def test_bursty_errors_come_together():
    values = drawn(HEALTHY["bursty errors"].draw, rows=400_000)
    assert values.mean() == pytest.approx(0.10, abs=0.01)
    blocks = values.reshape(-1, 50).mean(axis=1)
    assert blocks.var() > 3 * 0.1 * 0.9 / 50
    assert correlation(values, 1) == pytest.approx(0.0075 / 0.09, abs=0.02)


@pytest.mark.parametrize(("name", "expected"), [("AR(1) .5", 0.5), ("AR(1) .9", 0.9)])
def test_autoregressive_values_have_their_correlation_and_variance_one(name, expected):
    values = drawn(HEALTHY[name].draw, name)
    assert correlation(values, 1) == pytest.approx(expected, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.03)


def test_days_and_weeks_differ_within_but_not_among_themselves():
    weeks = drawn(HEALTHY["daily and weekly"].draw, rows=20 * 7 * DAY_ROWS).reshape(20, 7, DAY_ROWS)
    days, hours = weeks.mean(axis=(0, 2)), weeks[:, :5].mean(axis=(0, 1)).reshape(24, 60).mean(axis=1)
    assert days == pytest.approx([0, 0, 0, 0, 0, -0.5, -0.5], abs=0.05)
    assert max(hours) - min(hours) == pytest.approx(1.0, abs=0.1)


def test_other_shapes_are_what_they_are_called():
    wave = drawn(HEALTHY["square wave"].draw).reshape(-1, 5000).mean(axis=1)
    assert wave == pytest.approx(np.tile([-0.25, 0.25], 20), abs=0.08)
    assert np.abs(drawn(HEALTHY["heavy tails"].draw)).max() > 50
    assert len(np.unique(drawn(HEALTHY["rounded"].draw))) < 12
    telegraph = drawn(HEALTHY["telegraph"].draw)
    switches = int(np.sum(np.diff(np.sign(telegraph.reshape(-1, 20).mean(axis=1))) != 0))
    assert switches == pytest.approx(ROWS / 300, rel=0.15)
    spreads = drawn(HEALTHY["slow variance"].draw).reshape(-1, 500).std(axis=1)
    assert np.log(spreads).std() == pytest.approx(0.25, abs=0.08)


def test_references_span_several_periods():
    rows = {name: healthy.reference_rows for name, healthy in HEALTHY.items()}
    assert rows["seasonal errors"] >= 5 * 20_000
    assert rows["daily and weekly"] >= 4 * 7 * DAY_ROWS
    assert rows["square wave"] >= 5 * 10_000
    assert set(STREAMS).isdisjoint(HEALTHY)
