import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.detectors.online.e_sr import BETS, ESr


def by_definition(values, low, high):
    """M_n = sum over j of the product of L_i from j to n, straight from the paper, for each bet."""
    evidence = []
    for bet in BETS:
        factors = [1 + bet * (value / high - 1) for value in values]
        evidence.append(sum(float(np.prod(factors[j:])) for j in range(len(values))))
    for bet in BETS:
        factors = [1 + bet * ((1 - value) / (1 - low) - 1) for value in values]
        evidence.append(sum(float(np.prod(factors[j:])) for j in range(len(values))))
    return evidence


shares = st.lists(st.floats(0, 1), min_size=20, max_size=40)


@settings(max_examples=50, deadline=None)
@given(values=shares, baseline=st.floats(0.1, 0.9), tolerance=st.floats(0, 0.05))
def test_the_recursion_is_the_sum_over_all_possible_starts(values, baseline, tolerance):
    detector = ESr(baseline, tolerance, arl=1e300)
    for value in values:
        detector.update(value)
    expected = by_definition(values, baseline - tolerance, baseline + tolerance)
    assert detector.evidence == pytest.approx(expected, rel=1e-9)


def test_the_oracle_can_tell_a_wrong_recursion():
    values = [0.2, 0.9, 0.4]
    detector = ESr(0.5, arl=1e300)
    for value in reversed(values):
        detector.update(value)
    assert detector.evidence != pytest.approx(by_definition(values, 0.5, 0.5), rel=1e-3)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_false_alarms_are_as_rare_as_promised(share):
    rng, arl = np.random.default_rng(20230), 1e3
    detector, values, alarms = ESr(share, arl=arl), 0, 0
    while alarms < 150:
        values += 1
        alarms += detector.update(float(rng.random() < share))
    # 150 alarms give the mean to 9 %: measured 1.2 times the promise for .1 and 1.0 times for .5.
    assert values / alarms >= 0.9 * arl
    assert values / alarms <= 3 * arl


def test_larger_changes_are_found_sooner():
    rng = np.random.default_rng(5)
    delays = []
    for share in (0.15, 0.2, 0.3, 0.6):
        detector = ESr(0.1, arl=1e4)
        delays.append(next(n for n in range(10_000) if detector.update(float(rng.random() < share))))
    assert delays == sorted(delays, reverse=True)


def test_a_mean_inside_the_tolerance_never_alarms():
    detector = ESr(0.5, tolerance=0.1)
    assert not any(detector.update(value) for value in [0.57, 0.61] * 10_000)


def test_a_share_of_zero_that_stays_zero_is_no_change():
    detector = ESr(0.0, tolerance=0.02)
    assert not any(detector.update(0.0) for _ in range(30_000))
    assert any(detector.update(0.1) for _ in range(20))


@pytest.mark.parametrize(
    "numbers", [(-0.1, 0, 10), (1.1, 0, 10), (0.5, -1, 10), (0.5, 0, 1), (float("nan"), 0, 10)]
)
def test_impossible_parameters_are_refused(numbers):
    with pytest.raises(ValueError, match="baseline must be"):
        ESr(*map(float, numbers))


def test_a_damaged_snapshot_is_refused():
    with pytest.raises(ValueError, match="evidence must have 16 numbers"):
        ESr(0.5, evidence=[0.0])
