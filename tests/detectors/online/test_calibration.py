import numpy as np
import pytest

from watchkeeper.detectors.online.calibration import KNOBS, calibrate, resampled
from watchkeeper.detectors.online.registry import DETECTORS

RNG = np.random.default_rng(5)
ERRORS = (RNG.random(1500) < 0.2).astype(float)
SHARES = RNG.random(1500)
ARL = 300.0
each_kind = pytest.mark.parametrize("kind", KNOBS)


def test_every_detector_can_be_calibrated_but_that_of_risk_whose_promise_is_for_all_time():
    assert set(DETECTORS) - set(KNOBS) == {"risk"}


@each_kind
def test_the_target_is_met_on_other_healthy_values(kind):
    values = SHARES[:500] if kind == "kswin" else ERRORS
    found = calibrate(kind, values, ARL)
    assert found.reached
    assert found.target <= found.tried.arl
    alarms = 0
    for seed in range(4 if kind != "kswin" else 1):
        detector, rng = found.make(), np.random.default_rng(seed)
        fresh = rng.random(12_000) if kind == "kswin" else (rng.random(12_000) < 0.2).astype(float)
        alarms += sum([detector.update(value) for value in fresh.tolist()][2000:])
    # The streams here are longer than those of the calibration, and HDDM-A alarms in clusters.
    assert alarms <= (2.5 if kind == "hddm_a" else 1.5) * (seed + 1) * 10_000 / ARL


@each_kind
def test_a_jump_is_seen_at_the_calibrated_setting(kind):
    detector = calibrate(kind, ERRORS[:500], ARL).make()
    for value in ERRORS[:500].tolist():
        detector.update(value)
    assert any(detector.update(value) for value in [1.0, 1.0, 1.0, 1.0, 0.0] * 200)


@each_kind
def test_a_stricter_setting_alarms_less(kind):
    knob = KNOBS[kind]
    values = (SHARES if kind == "kswin" else ERRORS).tolist()

    def alarms(setting):
        return sum(map(knob.make(setting, 0.2, {}).update, values))

    assert alarms(knob.loose) > alarms(knob.strict)


def test_it_is_the_same_each_time_and_other_with_another_seed():
    first, again, other = (calibrate("page_hinkley", SHARES, ARL, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.tried != other.tried


def test_values_that_hang_together_need_a_stricter_setting():
    bursts = (RNG.random(2000) < np.repeat(RNG.random(20) < 0.25, 100) * 0.6 + 0.05).astype(float)
    shuffled = RNG.permutation(bursts)
    assert (
        calibrate("page_hinkley", bursts, ARL).tried.setting
        > 2 * calibrate("page_hinkley", shuffled, ARL).tried.setting
    )


def test_other_settings_are_kept():
    detector = calibrate("page_hinkley", ERRORS, ARL, delta=0.05).make()
    assert detector.delta == 0.05


def test_the_baseline_of_e_sr_is_that_of_the_reference_unless_another_is_given():
    found = calibrate("e_sr", ERRORS, ARL)
    assert found.make().baseline == ERRORS.mean()
    assert found.make(baseline=0.3).baseline == 0.3


def test_what_it_cannot_reach_it_says():
    # Where errors are rare, DDM alarms at the first after thirty values without, whatever its threshold.
    found = calibrate("ddm", np.arange(100) % 50 == 0, 5000, effort=1)
    assert not found.reached
    assert "no setting reached one in" in str(found)


def test_the_effort_is_bounded():
    found = calibrate("page_hinkley", ERRORS, ARL, effort=1)
    assert found.simulated <= (1 + 2 * 6 * 5) * len(ERRORS)
    assert calibrate("page_hinkley", ERRORS, ARL).simulated <= (200 + 2 * 6 * 5) * len(ERRORS)


def test_blocks_keep_neighbours_together():
    values = np.arange(1000.0)
    drawn = resampled(values, 10_000, 200, np.random.default_rng(1))
    assert len(drawn) == 10_000
    assert np.mean(np.diff(drawn) == 1) > 0.98
    assert drawn.mean() == pytest.approx(values.mean(), rel=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", ERRORS, ARL), "there is no detector nothing"),
        (("adwin", ERRORS[:99], ARL), "100 values or more"),
        (("adwin", [[0.5] * 200], ARL), "100 values or more"),
        (("adwin", ERRORS + 0.5, ARL), r"values in \[0, 1\] only"),
        (("adwin", [float("nan")] * 200, ARL), r"values in \[0, 1\] only"),
        (("adwin", ERRORS, 1.0), "arl must be a number above 1"),
        (("adwin", ERRORS, float("inf")), "arl must be a number above 1"),
        (("adwin", ERRORS, float("nan")), "arl must be a number above 1"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate(*arguments)
