"""Rows that depend on each other are not a change, although a reference understates their variability."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.detection.healthy import autoregressive, sessions, slow_wander
from watchkeeper.detectors import Sentinel
from watchkeeper.detectors.engine import scores
from watchkeeper.detectors.engine.channel import Channel, FitOptions, fit_values
from watchkeeper.detectors.engine.variability import (
    measure_variability,
    of_independent,
    with_bursts,
    with_powers,
)
from watchkeeper.detectors.sentinel.relearned import keep_variability


def of_unseen(channel: Channel) -> float:
    return channel.column.inflation[channel.moves.index("share of unseen categories")]


def test_shape_in_bursts_raises_no_more_alarms_than_allowed() -> None:
    alarms, streams, rows = 0, 10, 100_000
    for number in range(streams):
        values = sessions(np.random.default_rng([21, number]), 20_000 + rows)
        sentinel = Sentinel.fit(values[:20_000], per=100_000, after="restart")
        alarms += len(sentinel.update(values[20_000:]))
    assert alarms <= streams * rows / 100_000


def test_independent_rows_hardly_ever_look_as_if_they_depended_on_each_other() -> None:
    errors = (np.random.default_rng(22).random((10_000, 1000)) < 0.1).astype(float)
    shown = measure_variability((errors - errors.mean(axis=0)) / errors.std(axis=0))
    assert np.mean(shown.inflation.max(axis=0) > 1) < 0.02


def test_bets_on_shape_are_slowed_by_the_inflation_of_their_column_and_those_on_spread_less() -> None:
    shown = of_independent(4)._replace(inflation=np.array([[256.0, 16.0, 4.0, 1.0], [64.0, 1.0, 1.0, 1.0]]))
    assert with_bursts(shown, 2).inflation.tolist() == [
        [256.0, 32.0, 32.0, 16.0],
        [64.0, 1.0, 8.0, 8.0],
    ]
    assert with_bursts(of_independent(4), 2).inflation.tolist() == [[1.0] * 4]


@pytest.mark.parametrize(("mean", "deviation"), [(0.7, 1.0), (0.0, 1.2)])
def test_the_shape_may_move_as_far_as_a_moving_mean_or_spread_moves_it(mean: float, deviation: float) -> None:
    edges = norm.ppf(np.linspace(0, 1, 41))
    shares = np.diff(norm.cdf(edges, mean, deviation))
    moves = scores.of_numbers(np.full(40, 1 / 40)) @ shares
    shown = of_independent(4)._replace(
        drift_allowance=np.where(np.arange(4) == np.argmax(moves), moves, 0.0)[None]
    )
    allowance = with_powers(shown).drift_allowance[0]
    assert (allowance >= np.abs(moves) - 0.01).all()  # bins know no further out than their ends
    assert (allowance <= 2 * np.abs(moves) + 0.01).all()


@pytest.mark.parametrize("correlation", [0.9, 0.99])
def test_the_shape_depends_at_least_as_the_powers_of_what_the_mean_does(correlation: float) -> None:
    values = autoregressive(correlation)(np.random.default_rng(4), 200_000)
    mean = measure_variability(values[:, None] / values.std()).inflation
    shown = of_independent(4)._replace(inflation=np.hstack((mean, np.ones((len(mean), 3)))))
    implied = with_powers(shown).inflation[-2]  # the last is a guess of what lies beyond
    powers = correlation ** np.arange(2, 5)
    assert (implied[1:] <= (1 + powers) / (1 - powers)).all()
    assert implied[1] > 0.05 * implied[0]
    assert (np.diff(implied) < 0).all()


def test_a_mean_that_drifts_slowly_raises_no_more_alarms_of_the_spread_than_allowed() -> None:
    alarms, streams, rows = 0, 12, 100_000
    for number in range(streams):
        rng = np.random.default_rng([23, number])
        values = rng.normal(size=20_000 + rows) + 0.3 * autoregressive(0.999)(rng, 20_000 + rows)
        sentinel = Sentinel.fit(values[:20_000], per=20_000, after="restart")
        alarms += sum(alarm.moved[0].move == "spread" for alarm in sentinel.update(values[20_000:]))
    assert alarms <= streams * rows / 20_000


def test_a_mean_that_seldom_drifts_far_raises_no_alarms_of_the_shape() -> None:
    values = slow_wander(np.random.default_rng([22, 3]), 200_000)
    sentinel = Sentinel.fit(values[:100_000], per=10_000, after="restart")
    moves = Counter(alarm.moved[0].move for alarm in sentinel.update(values[100_000:]))
    assert moves["skew"] + moves["tails"] == 0
    assert moves.total() <= 10


def test_the_drift_allowance_of_a_scale_is_at_least_that_of_longer_ones() -> None:
    rng = np.random.default_rng(1)
    slow = np.repeat(rng.normal(0, 0.2, 64), 1024) + rng.normal(size=64 * 1024)
    allowance = measure_variability(slow[:, None]).drift_allowance[:, 0]
    assert allowance.max() > 0
    assert (np.diff(allowance) <= 0).all()


def test_categories_that_come_in_bursts_are_distinguished_from_those_that_come_one_by_one() -> None:
    rng = np.random.default_rng(2)
    one_by_one = [f"c{number}" for number in rng.integers(0, 3000, 8000)]
    in_bursts = [f"c{number}" for number in np.repeat(rng.integers(0, 3000, 400), 20)]
    calm, _ = fit_values("c", one_by_one, None, FitOptions())
    bursting, _ = fit_values("c", in_bursts, None, FitOptions())
    assert of_unseen(calm) < 2
    assert of_unseen(bursting) > 10


def test_a_new_reference_keeps_the_variability_of_the_old_one_though_its_categories_differ() -> None:
    rng = np.random.default_rng(3)
    names = [f"c{number}" for number in np.repeat(rng.choice(20, 1000, p=np.arange(1, 21) / 210), 20)]
    before, _ = fit_values("c", names, None, FitOptions())
    few, _ = fit_values("c", [str(name) for name in rng.choice(names, 256)], None, FitOptions())
    assert few.moves != before.moves
    kept = keep_variability(few, before, season=False)
    assert max(few.column.inflation) < 2
    for move, inflation in zip(kept.moves, kept.column.inflation, strict=True):
        known = move in before.moves
        its = before.column.inflation[before.moves.index(move)] if known else max(before.column.inflation)
        assert inflation >= its > 10 or move == "share of unseen categories"
