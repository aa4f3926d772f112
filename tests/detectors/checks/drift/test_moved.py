"""When a difference from the reference counts as drift."""

import pytest

from tests.detectors.checks.worlds import DAYS, World, day, declare
from watchkeeper.detectors.checks.drift import moved
from watchkeeper.detectors.checks.reference import reference_rows
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.spans import DriftRange

WORLD = World(times=False)


def judged(shift, usual, world=WORLD):
    then = reference_rows(world.reference, None)
    if usual is not None:
        then.spans.moved = {"temp": usual}
    window = world.window(day(DAYS + 8, temp=lambda x: x + shift))
    case = Case(world.monitor, window, then)
    return moved.judge(case, "drift", "temp", moved.of_feature(window, then, "temp"))


def test_without_known_windows_the_limit_is_that_of_the_monitor():
    finding = judged(20, None)
    assert finding.threshold == pytest.approx(0.2 + finding.evidence["psi_expected_without_drift"], abs=1e-5)


def test_windows_of_the_reference_that_moved_as_far_make_it_no_drift():
    assert judged(20, DriftRange(50.0, 40.0, 110.0)) is None
    assert judged(20, DriftRange(0.01, 40.0, 110.0)) is not None


def test_a_mean_beyond_all_windows_of_the_reference_is_drift_all_the_same():
    assert judged(20, DriftRange(50.0, 40.0, 75.0)) is not None
    assert judged(-30, DriftRange(50.0, 60.0, 75.0)) is not None


def test_what_is_within_the_limit_is_not_drift_wherever_its_mean_is():
    tolerant = World(declare(sensitivity={"psi": 1000.0}), times=False)
    assert judged(20, DriftRange(0.0, 40.0, 41.0), tolerant) is None
