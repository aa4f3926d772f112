"""River itself is the oracle of the detectors that wrap it."""

from array import array

import numpy as np
import pytest
from river.drift import ADWIN
from river.drift import PageHinkley as RiverPageHinkley

from detectors.online.adwin import Adwin
from detectors.online.page_hinkley import PageHinkley
from detectors.online.tape import TAPE_MAX

PAIRS = {
    "adwin": (Adwin, lambda: ADWIN(delta=0.05, clock=1, min_window_length=5, grace_period=10)),
    "page_hinkley": (PageHinkley, lambda: RiverPageHinkley(min_instances=30, delta=0.05, threshold=2.0)),
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
