"""Intervals hold the true value as often as they say, and shrink as rows come in."""

import numpy as np
import pytest

from watchkeeper.detectors.checks.drift import (
    LEVEL,
    chi_squared,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    total_variation,
    wasserstein,
)

SHARES = np.array([0.2, 0.15, 0.15, 0.1, 0.1, 0.1, 0.1, 0.1])
TILT = np.array([1.0, 0.6, 0.3, 0.0, 0.0, -0.4, -0.7, -1.0])
PLACES = np.arange(8.0)
ALL = [psi, chi_squared, jensen_shannon, hellinger, total_variation, kolmogorov_smirnov, wasserstein]


def moved_by(much):
    shares = SHARES * np.exp(much * TILT)
    return shares / shares.sum()


def measured(measure, reference, current):
    return measure(reference, current, PLACES) if measure is wasserstein else measure(reference, current)


def true_value(measure, current):
    """What is measured with so many rows that chance plays no part."""
    return measured(measure, np.rint(SHARES * 1e13).astype(int), np.rint(current * 1e13).astype(int)).effect


@pytest.mark.parametrize("much", [0.0, 0.1, 0.4, 1.2])
@pytest.mark.parametrize("measure", ALL)
def test_an_interval_holds_the_true_value_as_often_as_it_says(measure, much):
    rng = np.random.default_rng(5)
    current = moved_by(much)
    truth = true_value(measure, current)
    held = [
        answer.lower <= truth <= answer.upper
        for answer in (
            measured(measure, rng.multinomial(4000, SHARES), rng.multinomial(600, current))
            for _ in range(600)
        )
    ]
    assert np.mean(held) >= LEVEL - 0.025  # three standard errors


@pytest.mark.parametrize("measure", ALL)
def test_an_interval_is_not_kept_by_being_endless(measure):
    rng = np.random.default_rng(6)
    current = moved_by(0.4)
    truth = true_value(measure, current)
    widths = []
    for rows in (600, 20_000):
        answer = measured(measure, rng.multinomial(50_000, SHARES), rng.multinomial(rows, current))
        widths.append(answer.upper - answer.lower)
        assert answer.lower <= answer.upper
    assert widths[1] < widths[0] / 3
    assert answer.lower > 0
    assert answer.effect == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("measure", ALL)
def test_without_drift_the_interval_begins_at_zero_and_the_effect_is_small(measure):
    rng = np.random.default_rng(8)
    answers = [
        measured(measure, rng.multinomial(4000, SHARES), rng.multinomial(400, SHARES)) for _ in range(200)
    ]
    assert np.mean([answer.lower == 0 for answer in answers]) >= 0.93
    assert np.mean([answer.effect == 0 for answer in answers]) > 0.3
    assert np.mean([answer.effect for answer in answers]) < np.mean([a.statistic for a in answers])
