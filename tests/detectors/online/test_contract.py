"""What every online detector promises, tried on all that are registered."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from watchkeeper.detectors.online.eddm import Eddm
from watchkeeper.detectors.online.fhddm import Fhddm
from watchkeeper.detectors.online.hddm_w import HddmW
from watchkeeper.detectors.online.kswin import Kswin
from watchkeeper.detectors.online.page_hinkley import PageHinkley
from watchkeeper.detectors.online.registry import DETECTORS, OF_PANES

BASELINE, TOLERANCE = 0.5, 0.1
SNAPSHOT_BYTES_MAX = 1200
TAPED = ("panes: adwin", "panes: page_hinkley")
RISES_ONLY = ("ddm", "eddm", "fhddm", "hddm_a", "hddm_w", "risk")

KINDS = {**DETECTORS, **{f"panes: {kind}": member for kind, member in OF_PANES.items()}}
BRISK = {
    "eddm": lambda: Eddm(beta=0.7),
    "fhddm": lambda: Fhddm(confidence=0.01),
    "hddm_w": lambda: HddmW(confidence=0.01),
    "kswin": lambda: Kswin(alpha=1e-6),
    "page_hinkley": lambda: PageHinkley(threshold=5.0),
}
"""Settings for those that would detect nothing in the runs below, or alarm on healthy rows, with their
defaults."""
each_detector = pytest.mark.parametrize("kind", KINDS)

# Levels that last are what makes detectors move; single values never would. Lists are longer than any
# warm-up, and than the tape of river's detectors, or everything below would hold of detectors that sleep.
levels = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.integers(20, 60)), min_size=4, max_size=6
)
LONG = [(0.5, 60), (0.5, 60), (0.5, 60), (1.0, 200)]


def made(kind):
    return BRISK[kind]() if kind in BRISK else KINDS[kind].make(BASELINE, TOLERANCE)


def values_of(runs):
    levels = [level for level, n in runs for _ in range(n)]
    noise = np.random.default_rng(0).normal(0, 0.1, len(levels))
    return np.clip(levels + noise, 0, 1).tolist()


def healthy(n, seed=1):
    return np.clip(np.random.default_rng(seed).normal(0.5, 0.1, n), 0, 1).tolist()


@each_detector
@settings(max_examples=25, deadline=None)
@example(runs=LONG, later=[(1.0, 60), (0.0, 60), (0.5, 60), (0.5, 60)])
@given(runs=levels, later=levels)
def test_a_restored_detector_goes_on_as_if_it_had_never_stopped(kind, runs, later):
    lived = made(kind)
    for value in values_of(runs):
        lived.update(value)
    restored = KINDS[kind].restore(lived.snapshot())
    assert restored.score == lived.score
    for value in values_of(later):
        assert (restored.update(value), restored.score) == (lived.update(value), lived.score)
    assert restored.snapshot() == lived.snapshot()


@each_detector
def test_the_runs_that_the_properties_draw_do_raise_alarms(kind):
    detector = made(kind)
    alarms = [detector.update(value) for value in values_of(LONG)]
    assert not any(alarms[:180])
    assert any(alarms[180:])


@pytest.mark.parametrize("kind", TAPED)
def test_the_tape_of_the_properties_is_long_enough_to_be_cut(kind):
    detector = made(kind)
    sizes = []
    for value in healthy(200):
        detector.update(value)
        sizes.append(len(detector.snapshot()))
    assert max(sizes) > sizes[-1] > 0


@each_detector
@given(runs=levels)
@settings(max_examples=20, deadline=None)
def test_an_alarm_is_a_score_of_one(kind, runs):
    detector = made(kind)
    for value in values_of(runs):
        assert detector.update(value) == (detector.score >= 1)
        assert detector.score >= 0


@each_detector
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.001, 1.001, 1e300])
def test_what_is_not_a_share_is_refused_and_changes_nothing(kind, value):
    detector = made(kind)
    detector.update(0.7)
    before = detector.snapshot()
    with pytest.raises(ValueError, match=r"takes values in \[0, 1\]"):
        detector.update(value)
    assert detector.snapshot() == before


@each_detector
def test_a_new_detector_has_no_evidence_and_can_be_saved(kind):
    detector = made(kind)
    assert detector.score == 0
    assert KINDS[kind].restore(detector.snapshot()).score == 0


@each_detector
def test_the_snapshot_stays_small(kind):
    detector = made(kind)
    for value in healthy(5000):
        detector.update(value)
        assert len(detector.snapshot()) <= SNAPSHOT_BYTES_MAX


@each_detector
@pytest.mark.parametrize("level", [0.9, 0.1])
def test_a_jump_raises_the_alarm(kind, level):
    detector = made(kind)
    assert not any(detector.update(value) for value in healthy(100))
    alarmed = any(detector.update(value) for value in [level, level - 0.02] * 100)
    assert alarmed == (level > 0.5 or kind not in RISES_ONLY)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("eddm", "kswin", "page_hinkley")])
@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_stream_raises_none_in_ten_thousand_values_with_default_settings(kind, seed):
    detector = KINDS[kind].make(BASELINE, TOLERANCE)
    assert not any(detector.update(value) for value in healthy(10_000, seed))


@each_detector
def test_an_alarm_starts_a_new_search(kind):
    detector = made(kind)
    for value in healthy(100):
        detector.update(value)
    alarm = next(value for value in [0.95, 0.9] * 100 if detector.update(value))
    after = made(kind)
    detector.update(alarm)
    after.update(alarm)
    assert detector.snapshot() == after.snapshot()


@each_detector
def test_reset_forgets(kind):
    detector = made(kind)
    for value in values_of(LONG):
        detector.update(value)
    detector.reset()
    assert detector.score == 0
    assert detector.snapshot() == made(kind).snapshot()
