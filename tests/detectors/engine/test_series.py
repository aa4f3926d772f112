"""Scores that are looked up some at a time are what they would be all at once."""

import numpy as np
import pytest

from watchkeeper.detectors.engine import season, series
from watchkeeper.detectors.engine.season import HOUR_MS, Season
from watchkeeper.detectors.engine.variability import measure_variability
from watchkeeper.detectors.profiles.columns import Floats

ROWS = 3 * series.CHUNK + 1234


@pytest.fixture
def scored() -> series.Scored:
    rng = np.random.default_rng(1)
    codes = np.repeat(rng.integers(-1, 5, ROWS // 20 + 1), 20)[:ROWS]
    return series.Scored(codes, rng.normal(size=(3, 5)))


def times(rows: int) -> Floats:
    """Several rows in most hours, none in others."""
    return np.cumsum(np.random.default_rng(2).exponential(0.2 * HOUR_MS, rows))


def test_rows_without_a_bin_have_scores_of_0(scored: series.Scored) -> None:
    at_once = scored[0:ROWS]
    assert len(scored) == ROWS
    assert np.count_nonzero((at_once == 0).all(axis=1)) > 1000


def test_the_variability_is_that_of_the_whole_array(scored: series.Scored) -> None:
    found, expected = measure_variability(scored), measure_variability(scored[0:ROWS])
    for mine, its in zip(found, expected, strict=True):
        assert np.allclose(mine, its)
    means = scored[0 : ROWS // 16 * 16].reshape(-1, 16, 3).mean(axis=1)
    assert found.inflation[0] == pytest.approx(
        16 * np.mean(np.diff(means, axis=0) ** 2, axis=0) / 2 * (1 + 2 * np.sqrt(3 / len(means)))
    )


def test_hours_are_summed_up_over_the_ends_of_chunks(scored: series.Scored) -> None:
    at = times(ROWS)
    found = series.hourly(scored, at)
    hours = np.floor(at / HOUR_MS)
    for index in (0, 1, len(found.hours) // 2, len(found.hours) - 1):
        rows = hours == found.hours[index]
        assert found.rows[index] == np.count_nonzero(rows)
        assert found.sums[index] == pytest.approx(scored[0:ROWS][rows].sum(axis=0))
    assert found.rows.sum() == ROWS


def test_the_usual_mean_at_a_time_is_subtracted(scored: series.Scored) -> None:
    rng, at = np.random.default_rng(3), times(ROWS)
    daily = Season("day", 24, rng.normal(size=(24, 3)).tolist())
    codes = np.zeros(ROWS, np.intp)
    less = series.Scored(codes, np.zeros((3, 1)), daily, at)
    assert less[100:200] == pytest.approx(-daily.expected(at[100:200]))
    found = season.find(series.hourly(less, at))
    assert found is not None
    usual = np.array(daily.means)
    assert np.array(found.means) == pytest.approx(usual.mean(axis=0) - usual, rel=0.05, abs=0.05)


def test_noise_and_constants_have_no_season() -> None:
    rows, found = 24.0 * 28, []
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(size=(int(rows), 1))
        found.append(season.find(season.Hourly(np.arange(rows), noise, np.ones(int(rows)))))
    assert sum(each is not None for each in found) <= 2
    assert season.find(season.Hourly(np.arange(rows), np.ones((int(rows), 1)), np.ones(int(rows)))) is None
