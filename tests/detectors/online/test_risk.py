"""The risk of a model: the promise over all time, and that only harm is loud."""

import numpy as np
import pytest

from watchkeeper.detectors.online.risk import Risk


def first_alarm(risk, losses):
    return next((n for n, loss in enumerate(losses.tolist()) if risk.update(loss)), None)


def test_the_chance_of_ever_alarming_is_within_delta_at_the_very_edge():
    rng = np.random.default_rng(1)
    alarms = [first_alarm(Risk(0.2, delta=0.1), (rng.random(3000) < 0.2).astype(float)) for _ in range(200)]
    found = sum(alarm is not None for alarm in alarms)
    assert 0 < found <= 0.1 * 200


@pytest.mark.parametrize("spread", [0.05, 0.2])
def test_losses_of_any_shape_keep_it(spread):
    rng = np.random.default_rng(2)
    shapes = rng.beta(0.3 / spread, 0.7 / spread, size=(60, 3000))
    assert sum(first_alarm(Risk(0.3, delta=0.1), losses) is not None for losses in shapes) <= 6


def test_a_benign_shift_is_silent_and_a_harmful_one_is_not():
    rng = np.random.default_rng(3)
    source = (rng.random(20_000) < 0.1).astype(float)
    benign, harmful = ((rng.random(20_000) < p).astype(float) for p in (0.11, 0.16))
    assert first_alarm(Risk.of_source(source, tolerance=0.02), benign) is None
    assert first_alarm(Risk.of_source(source, tolerance=0.02), harmful) < 10_000


def test_the_allowance_covers_the_mean_of_the_source():
    rng = np.random.default_rng(4)
    allowed = [Risk.of_source(rng.random(500), tolerance=0.0, delta=0.05).allowed for _ in range(400)]
    assert np.mean(np.array(allowed) < 0.5) <= 0.025
    assert np.mean(allowed) < 0.56


def test_after_an_alarm_it_begins_anew():
    risk = Risk(0.1)
    assert first_alarm(risk, np.ones(500)) is not None
    assert not risk.update(0.0)
    assert risk.count == 1


@pytest.mark.parametrize(("allowed", "delta"), [(1.5, 0.1), (0.1, 0.0)])
def test_a_mistake_is_named(allowed, delta):
    with pytest.raises(ValueError, match="allowed must be in"):
        Risk(allowed, delta)


def test_the_allowance_of_a_source_without_mistakes_is_bernsteins_last_term():
    allowed = Risk.of_source([0.0] * 1000, tolerance=0.0, delta=0.001).allowed
    assert allowed == pytest.approx(7 * np.log(4 / 0.001) / (3 * 999))


@pytest.mark.parametrize("losses", [[], [0.1], [0.1, np.nan], [0.1, 1.1], [0.1, -0.1], [[0.1, 0.2]]], ids=str)
def test_a_source_of_no_use_is_refused(losses):
    with pytest.raises(ValueError, match=r"at least two losses, all of them in \[0, 1\]"):
        Risk.of_source(losses)
