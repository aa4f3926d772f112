"""Numbers that the reference does not have are seen, also where they are in the same order as before."""

import numpy as np
import pytest

from benchmarks.detection.healthy import autoregressive
from watchkeeper.detectors import Sentinel
from watchkeeper.detectors.engine.bins import NewValues, share_upper_bound
from watchkeeper.detectors.engine.channel import NEW_BUDGET
from watchkeeper.detectors.engine.scores import of_losses

RUNS = 6
CHANGES = {
    "another number for one of two": ([0.0, 1.0], lambda values, _: 100 * values),
    "one between others": ([1.0, 2.0, 3.0], lambda values, _: np.where(values == 2, 2.5, values)),
    "a twentieth is a stand-in": (
        [0.0, 1.0],
        lambda values, rng: np.where(rng.random(len(values)) < 0.05, -1, values),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_values_that_the_reference_does_not_have_are_named(change):
    known, changed = CHANGES[change]
    for seed in range(RUNS):
        rng = np.random.default_rng([41, seed])
        sentinel = Sentinel.fit(rng.choice(known, 2000))
        assert sentinel.update(rng.choice(known, 1000)) == []
        first = sentinel.update(changed(rng.choice(known, 1000), rng))[0]
        assert first.moved[0].move == "share of new values"
        assert first.moved[0].before == 0 < first.moved[0].now
        assert first.row < 1400


def test_new_values_come_no_more_often_than_health_brings_them():
    alarms, streams, rows = 0, 20, 20_000
    for seed in range(streams):
        rng = np.random.default_rng([42, seed])
        sentinel = Sentinel.fit(rng.standard_t(2, 300), per=10_000, after="restart")
        alarms += sum(
            alarm.moved[0].move == "share of new values" for alarm in sentinel.update(rng.standard_t(2, rows))
        )
    assert (
        alarms < NEW_BUDGET * streams * rows / 10_000
    )  # what they may spend; at the rate itself it is spent


@pytest.mark.parametrize(
    ("share", "factor", "rows", "cause"), [(1.0, 1000, 40, "unit_change"), (0.05, 100, 300, "new_values")]
)
def test_values_far_out_are_found_at_once_though_the_column_drifts(share, factor, rows, cause):
    for seed in range(RUNS):
        rng = np.random.default_rng([45, seed])
        temp = 60 + 15 * autoregressive(0.99)(rng, 8000)
        sentinel = Sentinel.fit({"temp": temp[:5000]})
        assert sentinel.update({"temp": temp[5000:6000]}) == []
        broken = np.where(rng.random(2000) < share, factor * temp[6000:], temp[6000:])
        alarm = sentinel.update({"temp": broken})[0]
        assert (alarm.row < 1000 + rows, alarm.cause) == (True, cause)


def rain(rng, rows):
    """Draw showers, dry for 500 rows on average between them, each as heavy as it likes."""
    lengths = rng.geometric(np.where(np.arange(rows // 100) % 2, 1 / 50, 1 / 500))
    heavy = np.where(np.arange(rows // 100) % 2, rng.lognormal(0, 1.5, rows // 100), 0.0)
    return np.repeat(heavy, lengths)[:rows] * rng.lognormal(0, 0.5, rows)


def test_a_heavy_shower_is_not_a_change():
    alarms, streams, rows = 0, 12, 30_000
    for seed in range(streams):
        values = rain(np.random.default_rng([46, seed]), 5000 + rows)
        sentinel = Sentinel.fit(values[:5000], per=10_000, after="restart")
        raised = sentinel.update(values[5000:])
        alarms += sum(alarm.moved[0].move == "share of new values" for alarm in raised)
    assert alarms < NEW_BUDGET * streams * rows / 10_000


def test_a_value_is_new_if_the_other_half_of_the_reference_lacks_it():
    values = np.concatenate((np.tile([1.0, 2.0], 100), np.tile([1.0, 3.0], 100), [np.nan, np.nan]))
    bins = NewValues.of(values[:-2])
    assert bins.codes(values).tolist() == [0] * 400 + [-1, -1]
    assert bins.cross_coded(values).tolist() == [0, 1] * 200 + [-1, -1]
    assert share_upper_bound(0, 1000) < share_upper_bound(10, 1000) < 0.03


def test_losses_that_are_mostly_zero_may_not_grow_unseen():
    delays = []
    for seed in range(RUNS):
        rng = np.random.default_rng([43, seed])

        def losses(rows, mean, rng=rng):
            return (rng.random(rows) < 0.05) * rng.exponential(mean, rows)

        sentinel = Sentinel.of_errors(losses(2000, 1))
        assert sentinel.update(losses(1000, 1)) == []
        delays.append(sentinel.update(losses(3000, 10))[0].row - 1000)
    assert np.median(delays) < 800


def test_errors_have_one_score_and_losses_of_many_sizes_two():
    assert len(of_losses(np.array([0.9, 0.1]), np.array([0.0, 1.0]))) == 1
    two = of_losses(np.array([0.9, 0.05, 0.05]), np.array([0.0, 1.0, 50.0]))
    shares = np.array([0.9, 0.05, 0.05])
    assert two @ shares == pytest.approx([0, 0], abs=1e-12)
    assert two**2 @ shares == pytest.approx([1, 1])


@pytest.mark.parametrize("strays", [1, 200])
def test_a_column_of_numbers_is_one_though_texts_are_among_them(strays):
    rng = np.random.default_rng(44)
    reference = np.concatenate((rng.normal(size=2000 - strays), ["?"] * strays)).astype(object)
    reference[: 2000 - strays] = reference[: 2000 - strays].astype(float)
    sentinel = Sentinel.fit({"x": rng.permutation(reference)})
    assert sentinel.ignored == {}
    assert sentinel.update({"x": rng.normal(2, 1, 300)})[0].moved[0].move == "mean"
