"""River itself is the oracle of the detectors that wrap it, and of those that are written after it."""

from array import array

import numpy as np
import pytest
from river.drift import ADWIN, binary
from river.drift import PageHinkley as RiverPageHinkley
from scipy.stats import ks_2samp

from watchkeeper.detectors.online.adwin import Adwin
from watchkeeper.detectors.online.ddm import Ddm
from watchkeeper.detectors.online.eddm import Eddm
from watchkeeper.detectors.online.fhddm import Fhddm
from watchkeeper.detectors.online.hddm_a import HddmA
from watchkeeper.detectors.online.hddm_w import HddmW
from watchkeeper.detectors.online.kswin import RECENT, critical, p_value, steps_apart
from watchkeeper.detectors.online.page_hinkley import PageHinkley
from watchkeeper.detectors.online.pane_adwin import PaneAdwin
from watchkeeper.detectors.online.pane_page_hinkley import PanePageHinkley
from watchkeeper.detectors.online.tape import TAPE_MAX

PAIRS = {
    "adwin": (PaneAdwin, lambda: ADWIN(delta=0.05, clock=1, min_window_length=5, grace_period=10)),
    "page_hinkley": (PanePageHinkley, lambda: RiverPageHinkley(min_instances=30, delta=0.05, threshold=2.0)),
}
each_pair = pytest.mark.parametrize(("ours", "rivers"), PAIRS.values(), ids=PAIRS.keys())


def jumping(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(level, 0.1, 60) for level in (0.3, 0.8, 0.2)])
    return np.clip(values, 0, 1).astype(np.float32).astype(float).tolist()


@each_pair
@pytest.mark.parametrize("seed", range(5))
def test_alarms_are_rivers_until_the_tape_is_full(ours, rivers, seed):
    detector, oracle = ours(), rivers()
    alarms = []
    for value in jumping(seed)[:TAPE_MAX]:
        oracle.update(value)
        alarms.append(oracle.drift_detected)
        assert detector.update(value) == oracle.drift_detected
    assert any(alarms)


@each_pair
def test_a_full_tape_loses_its_older_half(ours, rivers):
    detector, oracle = ours(), rivers()
    values = array("f", [0.5 + 0.01 * (n % 3) for n in range(TAPE_MAX + 30)])
    for value in values:
        detector.update(value)
    assert detector.snapshot() == values[TAPE_MAX // 2 :].tobytes()
    for value in values[TAPE_MAX // 2 :]:
        oracle.update(value)
    for value in [0.9] * 40:
        oracle.update(array("f", [value])[0])
        assert detector.update(value) == oracle.drift_detected
        if oracle.drift_detected:
            break
    else:
        pytest.fail("the jump raised no alarm")


SAME = {
    "adwin": (Adwin, ADWIN),
    "adwin, all": (lambda: Adwin(clock=1, delta=0.1), lambda: ADWIN(clock=1, delta=0.1)),
    "page_hinkley": (lambda: PageHinkley(threshold=8.0), lambda: RiverPageHinkley(threshold=8.0)),
    "page_hinkley, default": (PageHinkley, RiverPageHinkley),
    "ddm": (Ddm, binary.DDM),
    "eddm": (Eddm, binary.EDDM),
    "hddm_a": (HddmA, binary.HDDMA),
    "hddm_w": (HddmW, binary.HDDMW),
    "fhddm": (Fhddm, binary.FHDDM),
}


def errors(seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(2000) < rate for rate in (0.1, 0.5, 0.15, 0.02, 0.7)]).astype(float)


def shares(seed):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.beta(a, 4, 2000) for a in (2, 5, 4, 3, 12)])


def translated(detector, value):
    """River's FHDDM alarms when what it is fed falls, and its EDDM knows an error only as 1."""
    if isinstance(detector, Fhddm):
        return 1 - value
    return float(value >= 0.5) if isinstance(detector, Eddm) else value


@pytest.mark.parametrize(("ours", "rivers"), SAME.values(), ids=SAME.keys())
@pytest.mark.parametrize("draw", [errors, shares])
@pytest.mark.parametrize("seed", range(3))
def test_alarms_are_rivers(ours, rivers, draw, seed):
    detector, oracle, alarms = ours(), rivers(), []
    for value in draw(seed).tolist():
        oracle.update(translated(detector, value))
        alarms.append(detector.update(value))
        assert alarms[-1] == oracle.drift_detected, len(alarms)
    assert any(alarms)


def test_the_test_of_kswin_is_scipys():
    rng = np.random.default_rng(3)
    for decimals in (1, 8):
        for shift in (0.0, 0.5, 1.5):
            first = rng.normal(0, 1, RECENT).round(decimals)
            second = rng.normal(shift, 1, RECENT).round(decimals)
            test = ks_2samp(first, second, method="exact")
            steps = steps_apart(first.tolist(), second.tolist())
            assert steps / RECENT == pytest.approx(test.statistic)
            assert p_value(steps) == pytest.approx(test.pvalue)
            assert (steps >= critical(0.005)) == (test.pvalue <= 0.005)
