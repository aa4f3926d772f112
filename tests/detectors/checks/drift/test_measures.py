"""Each measure against scipy, and how often each cries wolf when nothing has drifted."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from watchkeeper.detectors.checks.drift import (
    chi_squared,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    total_variation,
    wasserstein,
)
from watchkeeper.detectors.checks.drift.pooling import LEAST, pool

SEEDS = range(5)
ALL = [psi, chi_squared, kolmogorov_smirnov, jensen_shannon, hellinger, total_variation, wasserstein]


def two_samples(seed, n=3000, m=700, bins=12, moved=0.0):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(bins, 5.0))
    other = (1 - moved) * shares + moved * rng.dirichlet(np.full(bins, 5.0))
    return rng.multinomial(n, shares), rng.multinomial(m, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_jensen_shannon_is_that_of_scipy(seed):
    reference, current = two_samples(seed, moved=0.5)
    assert jensen_shannon(reference, current).statistic == pytest.approx(
        jensenshannon(reference, current, base=2)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_chi_squared_is_that_of_scipy_when_no_category_is_sparse(seed):
    reference, current = two_samples(seed, moved=0.3)
    oracle = stats.chi2_contingency(np.stack((reference, current)), correction=False)
    measure = chi_squared(reference, current)
    assert measure.statistic == pytest.approx(oracle.statistic)
    assert measure.p_value == pytest.approx(oracle.pvalue)


@pytest.mark.parametrize("seed", SEEDS)
def test_kolmogorov_smirnov_is_that_of_scipy_on_values_at_the_bins(seed):
    reference, current = two_samples(seed, moved=0.2)
    values = np.arange(len(reference))
    oracle = stats.ks_2samp(np.repeat(values, reference), np.repeat(values, current))
    measure = kolmogorov_smirnov(reference, current)
    assert measure.statistic == pytest.approx(oracle.statistic)
    assert measure.p_value == pytest.approx(oracle.pvalue, abs=0.02)


def test_kolmogorov_smirnov_on_bins_is_never_bolder_than_on_the_values():
    rng = np.random.default_rng(2)
    edges = np.quantile(rng.normal(size=4000), np.arange(1, 20) / 20)
    for shift in (0.0, 0.1, 0.3):
        a, b = rng.normal(size=2000), rng.normal(shift, 1, 500)
        counts = [np.bincount(np.searchsorted(edges, x), minlength=20) for x in (a, b)]
        exact = stats.kstwobign.sf(stats.ks_2samp(a, b).statistic * np.sqrt(2000 * 500 / 2500))
        assert kolmogorov_smirnov(*counts).p_value >= exact


@pytest.mark.parametrize("seed", SEEDS)
def test_wasserstein_is_that_of_scipy_on_values_at_the_places(seed):
    reference, current = two_samples(seed, moved=0.3)
    places = np.cumsum(np.random.default_rng(seed).exponential(size=len(reference)))
    oracle = stats.wasserstein_distance(places, places, reference, current)
    assert wasserstein(reference, current, places).statistic == pytest.approx(oracle)


@pytest.mark.parametrize("seed", SEEDS)
def test_hellinger_and_total_variation_are_the_formulas_of_the_textbook(seed):
    reference, current = two_samples(seed, moved=0.3)
    r, c = reference / reference.sum(), current / current.sum()
    assert hellinger(reference, current).statistic == pytest.approx(np.sqrt(1 - np.sqrt(r * c).sum()))
    assert total_variation(reference, current).statistic == pytest.approx(np.maximum(c - r, 0).sum())


def test_wasserstein_sees_the_size_of_a_shift_in_the_units_of_the_values():
    rng = np.random.default_rng(4)
    edges = np.quantile(rng.normal(size=4000), np.arange(1, 40) / 40)
    places = np.concatenate(([-2.4], (edges[1:] + edges[:-1]) / 2, [2.4]))
    counts = [np.bincount(np.searchsorted(edges, rng.normal(x, 1, 20_000)), minlength=40) for x in (0, 0.3)]
    moved = wasserstein(*counts, places)
    assert moved.statistic == pytest.approx(0.3, rel=0.05)
    assert moved.lower < 0.3 < moved.upper


def test_psi_is_the_formula_of_the_textbook():
    reference, current = np.array([4000, 3000, 3000]), np.array([3000, 3000, 4000])
    r, c = reference / 10_000, current / 10_000
    assert psi(reference, current).statistic == pytest.approx(np.sum((c - r) * np.log(c / r)), rel=1e-3)


@pytest.mark.parametrize("rows", [72, 500, 5000])
def test_the_average_of_psi_without_drift_is_the_expected_one(rows):
    measures = [psi(*two_samples(seed, 10_000, rows, bins=20)) for seed in range(200)]
    average = np.mean([measure.statistic for measure in measures])
    assert average == pytest.approx(np.mean([measure.expected for measure in measures]), rel=0.12)


@pytest.mark.parametrize("rows", [50, 400, 3000])
@pytest.mark.parametrize("test", ALL)
def test_a_test_at_one_percent_is_wrong_about_one_time_in_a_hundred(test, rows):
    p_values = np.array([test(*two_samples(seed, 5000, rows, bins=40)).p_value for seed in range(1000)])
    assert (p_values < 0.01).mean() <= 0.02
    assert (p_values < 0.5).mean() > 0.2, "a test that never rejects would pass too"


@pytest.mark.parametrize("test", [psi, chi_squared, jensen_shannon, hellinger, total_variation])
def test_many_rare_categories_are_no_drift(test):
    rng = np.random.default_rng(7)
    shares = 1 / np.arange(1, 301)
    shares /= shares.sum()
    pairs = [(rng.multinomial(10_000, shares), rng.multinomial(100, shares)) for _ in range(1000)]
    p_values = np.array([test(*pair, ordered=False).p_value for pair in pairs])
    # Joined by an order that depends on the window, they were below .05 in 20 % of windows.
    assert (p_values < 0.05).mean() <= 0.07
    assert (p_values < 0.5).mean() > 0.3


@pytest.mark.parametrize("test", [psi, chi_squared])
def test_p_values_without_drift_are_spread_evenly(test):
    p_values = [test(*two_samples(seed, 5000, 3000, bins=40)).p_value for seed in range(4000)]
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.02)
    assert np.quantile(p_values, 0.05) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("test", ALL)
def test_a_moved_distribution_is_seen(test):
    assert test(*two_samples(3, m=3000, moved=0.9)).p_value < 1e-4


@pytest.mark.parametrize("measure", ALL)
def test_too_few_rows_are_no_answer(measure):
    full = np.array([50, 50])
    assert measure(full, np.array([10, 10])) is None
    assert measure(np.array([10, 10]), full) is None
    assert measure(full, np.zeros(2, int)) is None


@pytest.mark.parametrize("measure", ALL)
def test_one_bin_holds_no_drift(measure):
    assert measure(np.array([500]), np.array([90])).statistic == 0.0


@pytest.mark.parametrize("measure", ALL)
def test_disjoint_histograms_have_a_finite_answer(measure):
    answer = measure(np.array([500, 0, 0]), np.array([0, 0, 10**12]))
    assert np.isfinite(answer.statistic)
    # The ranks of the reference are no further apart: its median is in the only bin that it has.
    assert answer.statistic > (0.4 if measure is wasserstein else 0.9)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_joined_bins_are_full_and_lose_nothing(seed, ordered):
    rng = np.random.default_rng(seed)
    reference, current = rng.poisson(rng.gamma(0.3, 20, 60)), rng.poisson(rng.gamma(0.3, 5, 60))
    joined = pool(reference, current, ordered=ordered)
    both = joined[0] + joined[1]
    share = min(reference.sum(), current.sum()) / both.sum()
    assert (both * share >= LEAST - 1e-9).all()
    assert 2 < len(both) < 60
    assert [part.sum() for part in joined] == [reference.sum(), current.sum()]
