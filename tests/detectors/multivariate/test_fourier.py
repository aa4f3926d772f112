"""Fourier features: their kernel, their sums, their test; what is seen of embeddings."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp, kstest

from watchkeeper.detectors.multivariate.directions import Directions
from watchkeeper.detectors.multivariate.fourier import Fourier
from watchkeeper.detectors.multivariate.mean_embedding import MeanEmbedding, squared_mmd
from watchkeeper.detectors.multivariate.mmd import MmdTest
from watchkeeper.detectors.multivariate.novelty import Novelty


def embeddings(n, seed, d=32, inner=6, shift=0.0):
    """Vectors in a space of few inner dimensions, with some noise, as embeddings are."""
    basis = np.random.default_rng(7).normal(size=(inner, d)) / np.sqrt(d)
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, inner)) + shift) @ basis + 0.05 * rng.normal(size=(n, d))


def kernel(features, one, two):
    distances = cdist(features.standard.apply(one), features.standard.apply(two))
    return np.exp(-(distances**2) / (2 * features.width**2))


# Features and sums


def test_products_of_features_are_the_kernel():
    rows = embeddings(300, 1)
    features = Fourier.of(rows, features=4096)
    vectors = features.apply(rows[:100])
    assert vectors @ vectors.T == pytest.approx(kernel(features, rows[:100], rows[:100]), abs=0.1)


def test_the_seed_decides_the_features():
    rows = embeddings(100, 1)
    same = [Fourier.of(rows, seed=3).apply(rows).tolist() for _ in range(2)]
    assert same[0] == same[1] != Fourier.of(rows, seed=4).apply(rows).tolist()


@pytest.mark.parametrize("rows", [np.zeros((20, 3)), np.full((20, 2), np.nan), np.eye(20)])
def test_any_reference_has_a_width(rows):
    features = Fourier.of(rows)
    assert features.width > 0
    assert np.isfinite(features.apply(np.where(rows == 1, np.inf, rows))).all()


@pytest.mark.parametrize("size", [0, 3, -2])
def test_a_number_of_features_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match="even number"):
        Fourier.of(np.zeros((20, 2)), features=size)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 200), max_size=6), order=st.randoms(use_true_random=False))
def test_merging_parts_in_any_order_is_the_sum_of_all(cuts, order):
    vectors = Fourier.of(embeddings(200, 1)).apply(embeddings(200, 2))
    bounds = [0, *sorted(cuts), 200]
    parts = [MeanEmbedding.of(vectors[a:b]) for a, b in pairwise(bounds)]
    order.shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.rows == 200
    assert merged.sums.tolist() == MeanEmbedding.of(vectors).sums.tolist()


def test_a_restored_sum_and_restored_features_are_the_same():
    rows = embeddings(100, 1)
    features = Fourier.restore(Fourier.of(rows).snapshot())
    assert features.apply(rows).tolist() == Fourier.of(rows).apply(rows).tolist()
    embedding = MeanEmbedding.of(features.apply(rows))
    restored = MeanEmbedding.restore(embedding.snapshot())
    assert (restored.rows, restored.sums.tolist()) == (100, embedding.sums.tolist())
    assert len(embedding.snapshot()) < 8 * 256 + 100


# The test


def test_the_discrepancy_is_that_of_all_pairs():
    """Up to what the features leave of the kernel; exactly, for the kernel that they have."""
    rows, now = embeddings(400, 1), embeddings(200, 2, shift=0.3)
    k = Fourier.of(rows, features=4096)
    f, g = k.apply(now), k.apply(rows)
    value = squared_mmd(MeanEmbedding.of(f), MeanEmbedding.of(g))

    def of_pairs(within_one, within_two, between):
        n, m = len(within_one), len(within_two)
        one = (within_one.sum() - np.trace(within_one)) / (n * (n - 1))
        two = (within_two.sum() - np.trace(within_two)) / (m * (m - 1))
        return one + two - 2 * between.mean()

    assert value == pytest.approx(of_pairs(f @ f.T, g @ g.T, f @ g.T), abs=1e-6)
    exact = of_pairs(kernel(k, now, now), kernel(k, rows, rows), kernel(k, now, rows))
    assert value == pytest.approx(exact, rel=0.1)


def p_values(n, m, references, windows=3):
    """P-values of healthy windows, a few for each of many references."""
    for seed in range(references):
        test = MmdTest.of(embeddings(m, 1000 + seed, d=8), features=64, seed=seed)
        for window in range(windows):
            now = embeddings(n, 5000 + seed * windows + window, d=8)
            yield test.compare(test.embed(now)).p_value


@pytest.mark.parametrize(("n", "m"), [(16, 500), (100, 200), (200, 2000)])
def test_without_drift_p_values_are_uniform(n, m):
    """With as many references as windows: windows of one reference share what is by chance odd about it."""
    values = np.array(list(p_values(n, m, references=80)))
    assert np.mean(values < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(values < 0.005) < 0.02
    assert kstest(values, "uniform").pvalue > 0.001


def walk(n, seed, shift=0.0):
    """Vectors that depend on those before."""
    noise = np.random.default_rng(seed).normal(size=(n, 3))
    values = noise.copy()
    for index in range(1, n):
        values[index] = 0.8 * values[index - 1] + 0.6 * noise[index]
    return values + shift


def test_rows_that_depend_on_those_before_need_blocks():
    plain, blocks = [], []
    for seed in range(20):
        rows, now = walk(3000, seed), walk(300, 500 + seed)
        for found, block in ((plain, 1), (blocks, 30)):
            test = MmdTest.of(rows, features=64, block=block)
            found.append(test.compare(test.embed(now)).p_value)
    assert np.mean(np.array(plain) < 0.01) >= 0.2
    assert np.mean(np.array(blocks) < 0.01) <= 0.05


def test_with_blocks_a_shift_is_still_found():
    test = MmdTest.of(walk(3000, 1), block=30)
    assert test.compare(test.embed(walk(500, 2, shift=1.0))).p_value < 1e-4


@pytest.mark.parametrize("shift", [0.1, 0.3, 1.0])
def test_the_interval_covers_the_discrepancy(shift):
    features = Fourier.of(embeddings(500, 1, d=8), features=64)
    then, now = (features.apply(embeddings(20_000, 9000 + s, d=8, shift=shift * s)) for s in (0, 1))
    truth = np.linalg.norm(then.mean(axis=0) - now.mean(axis=0))
    test, covered = MmdTest.of(embeddings(500, 1, d=8), features=64), 0
    for seed in range(100):
        test = replace(test, reference=MeanEmbedding.of(features.apply(embeddings(500, 200 + seed, d=8))))
        found = test.compare(test.embed(embeddings(200, 400 + seed, d=8, shift=shift)))
        covered += found.low <= truth <= found.high
    assert covered >= 88


def test_a_small_shift_of_an_embedding_is_found_where_no_column_shows_it():
    rows = embeddings(2000, 1, d=256, inner=200)
    now = embeddings(500, 2, d=256, inner=200, shift=0.05)
    assert min(ks_2samp(rows[:, i], now[:, i]).pvalue for i in range(256)) > 0.01 / 256
    test = MmdTest.of(rows)
    assert test.compare(test.embed(now)).p_value < 1e-6


def test_a_broken_correlation_is_found():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(2000, 1)) + 0.5 * rng.normal(size=(2000, 4))
    now = np.column_stack([rng.permutation(column) for column in rows[:300].T])
    test = MmdTest.of(rows)
    assert test.compare(test.embed(now)).p_value < 1e-9


def test_a_window_of_few_rows_has_no_answer():
    test = MmdTest.of(embeddings(100, 1))
    assert test.compare(test.embed(np.zeros((0, 32)))) is None
    assert test.compare(test.embed(embeddings(7, 2))) is None
    assert test.compare(test.embed(embeddings(8, 2))) is not None


def test_a_constant_reference_knows_what_differs_from_it():
    test = MmdTest.of(np.ones((100, 3)))
    assert test.compare(test.embed(np.ones((50, 3)))).p_value == 1
    assert test.compare(test.embed(np.full((50, 3), 2.0))).p_value == 0


def test_missing_and_infinite_values_are_taken():
    test = MmdTest.of(embeddings(100, 1))
    now = embeddings(50, 2)
    now[:5], now[5:10] = np.nan, np.inf
    assert np.isfinite(test.compare(test.embed(now))).all()


def test_more_blocks_than_there_are_rows_for_are_refused():
    with pytest.raises(ValueError, match="needs 20 blocks"):
        MmdTest.of(embeddings(100, 1), block=6)


# Scores of rows


def test_a_row_of_the_reference_is_scored_by_all_others():
    rows = embeddings(50, 1)
    score = Novelty()
    known = score.fit_scores(rows)
    vectors = score.features.apply(rows)
    alone = [1 - vectors[i] @ np.delete(vectors, i, axis=0).mean(axis=0) for i in range(50)]
    assert known == pytest.approx(np.array(alone), abs=1e-4)


def test_the_hole_of_a_ring_is_new_though_every_column_has_been_there():
    angle = np.random.default_rng(1).uniform(0, 2 * np.pi, size=4000)
    ring = np.column_stack((np.cos(angle), np.sin(angle)))
    score = Novelty(features=256)
    score.fit(ring)
    score.features = type(score.features)(score.features.standard, 0.3, score.features.frequencies * 4)
    score.mean = score.features.apply(ring).mean(axis=0)
    assert score.scores(np.zeros((1, 2)))[0] > score.scores(ring).max()


def test_coordinates_of_the_reference_are_those_of_new_rows():
    directions = Directions(k=5)
    known = directions.fit_coordinates(embeddings(300, 1))
    new = directions.coordinates(embeddings(3000, 2))
    assert known.shape == (300, 5)
    assert np.abs(new).max() <= 2
    assert min(ks_2samp(known[:, i], new[:, i]).pvalue for i in range(5)) > 0.001
    assert known.std(axis=0) == pytest.approx(new.std(axis=0), rel=0.15)


def test_a_shift_of_an_embedding_shows_in_few_directions():
    directions = Directions(k=8)
    known = directions.fit_coordinates(embeddings(2000, 1))
    now = directions.coordinates(embeddings(300, 2, shift=0.3))
    assert min(ks_2samp(known[:, i], now[:, i]).pvalue for i in range(8)) < 1e-6


def test_restored_directions_are_the_same():
    directions = Directions(k=3).fit(embeddings(100, 1))
    rows = embeddings(20, 2)
    restored = Directions.restore(directions.snapshot())
    assert restored.coordinates(rows).tolist() == directions.coordinates(rows).tolist()
    with pytest.raises(ValueError, match="k must be"):
        Directions(k=0)
