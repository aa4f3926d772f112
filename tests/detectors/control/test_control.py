"""What is promised holds in simulations: e-values are valid, and false discoveries a bounded share."""

import msgspec
import numpy as np
import pytest

from watchkeeper.detectors.checks.drift import kolmogorov_smirnov
from watchkeeper.detectors.control import ELond, category_e_value, e_bh, number_e_value, p_to_e

SHARES = np.full(20, 0.05)


def evidence(e_value, reference, current, n, m, count, seed=1):
    rng = np.random.default_rng(seed)
    return np.array(
        [e_value(rng.multinomial(n, reference), rng.multinomial(m, current)) for _ in range(count)]
    )


@pytest.mark.parametrize(("n", "m"), [(10_000, 200), (500, 500), (300, 5000)])
@pytest.mark.parametrize("e_value", [number_e_value, category_e_value])
def test_an_e_value_is_at_most_one_on_average_without_drift(e_value, n, m):
    values = evidence(e_value, SHARES, SHARES, n, m, 1500)
    assert values.mean() <= 1 + 3 * values.std() / np.sqrt(len(values))
    assert (values >= 20).mean() <= 0.05
    assert values.max() > 0.5, "bets that never win would pass too"


@pytest.mark.parametrize("e_value", [number_e_value, category_e_value])
def test_an_e_value_is_large_when_there_is_drift(e_value):
    moved = SHARES * np.exp(0.35 * np.linspace(-1, 1, 20) * 2)
    values = evidence(e_value, SHARES, moved / moved.sum(), 10_000, 1000, 50)
    assert np.median(values) > 1e4


def test_an_e_value_made_for_the_test_beats_a_calibrated_p_value():
    rng = np.random.default_rng(3)
    moved = SHARES * np.exp(0.3 * np.linspace(-1, 1, 20))
    moved /= moved.sum()
    pairs = [(rng.multinomial(10_000, SHARES), rng.multinomial(1000, moved)) for _ in range(100)]
    own = np.median([number_e_value(*pair) for pair in pairs])
    calibrated = np.median([p_to_e(kolmogorov_smirnov(*pair).p_value) for pair in pairs])
    assert own > calibrated > 1


def test_spread_is_seen_too():
    wide = np.full(20, 0.04)
    wide[[0, 1, 18, 19]] = 0.09
    assert np.median(evidence(number_e_value, SHARES, wide, 10_000, 1000, 20)) > 1e4


@pytest.mark.parametrize("e_value", [number_e_value, category_e_value])
def test_too_few_rows_are_no_evidence_and_one_bin_says_nothing(e_value):
    assert e_value(np.array([50, 50]), np.array([5, 5])) is None
    assert e_value(np.array([100, 0]), np.array([100, 0])) == 1.0
    assert np.isfinite(e_value(np.array([10**6, 0]), np.array([0, 10**6])))


def test_a_calibrated_p_value_is_one_on_average():
    p_values = (np.arange(200_000) + 0.5) / 200_000
    assert 0.85 < np.mean([p_to_e(p) for p in p_values]) <= 1.0
    with pytest.raises(ValueError, match="a p-value is in"):
        p_to_e(1.5)


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.99])
def test_false_discoveries_are_a_bounded_share_over_looks_whatever_the_dependence(shared):
    level, rng = 0.2, np.random.default_rng(9)
    shares, found = [], 0
    for _ in range(200):
        control = ELond(level, looks=6)
        false = right = 0
        for _ in range(6):
            noise = np.sqrt(shared) * rng.normal() + np.sqrt(1 - shared) * rng.normal(size=40)
            z = noise + np.where(np.arange(40) < 4, 6.0, 0.0)
            rejected = control.look(np.exp(2.5 * z - 2.5**2 / 2))
            right += sum(place < 4 for place in rejected)
            false += sum(place >= 4 for place in rejected)
        assert control.found == false + right
        shares.append(false / max(1, false + right))
        found += right
    assert np.mean(shares) <= level
    assert found / (200 * 6 * 4) > 0.5


def test_with_one_look_it_is_e_bh_and_the_level_is_spent_to_the_end():
    values = [5000.0, 3.0, 90.0, 45.0, float("nan"), float("inf")]
    assert ELond(0.1, looks=1).look(values) == e_bh(values, 0.1) == [0, 2, 3, 5]
    endless = ELond(0.1)
    assert [bool(endless.look([1e3])) for _ in range(4)] == [True] * 4
    assert not ELond(0.1, looked=10_000).look([1e3])


def test_the_state_is_small_and_goes_on_as_if_it_had_never_stopped():
    control = ELond(0.1, looks=3)
    for _ in range(5):
        control.look([1e6, 1.0])
    saved = msgspec.json.encode(control)
    assert len(saved) < 100
    assert msgspec.json.decode(saved, type=ELond) == control
    assert (control.looked, control.found) == (2, 2)


def test_nothing_to_look_at_is_nothing_found():
    assert e_bh([], 0.1) == []
    with pytest.raises(ValueError, match="level must be"):
        ELond(0.0)
