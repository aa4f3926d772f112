"""The e-detector itself: its bound, and that it merges."""

import numpy as np

from watchkeeper.detectors.engine import scores
from watchkeeper.detectors.engine.bank import Bank, Column
from watchkeeper.detectors.engine.bet_pool import BetPool
from watchkeeper.detectors.engine.bets import make_bets
from watchkeeper.detectors.engine.variability import of_independent

SHARES = np.full(8, 1 / 8)
SCORES = scores.of_numbers(SHARES)


def bank(budget, rows=1e9, columns=1):
    bets = make_bets(
        SCORES, SHARES, of_independent(len(SCORES)), (1, -1), np.full(4, 0.25), np.zeros(len(SCORES))
    )
    return Bank([Column(bets, rows, [1.0] * 4)] * columns, np.full(columns, 1 / columns), budget)


def blocks(rng, n, block=8, columns=1):
    codes = rng.integers(0, 8, (n, block, columns))
    return SCORES.T[codes].sum(axis=1), np.full((n, columns), float(block))


def test_the_wealth_in_health_is_at_most_the_rows_seen():
    rng, n = np.random.default_rng(1), 40
    many = bank(budget=1.0, columns=2000)  # as many streams of their own
    pool = BetPool.of([many])
    sums, rows = blocks(rng, n, columns=2000)
    for factors in np.exp(many.growth(sums, rows)):
        pool.play(factors.ravel(), 8)
    totals = many.evidence().columns * 2000
    mean, error = np.mean(totals), np.std(totals) / np.sqrt(len(totals))
    assert 0.5 * 8 * n < mean < 8 * n + 4 * error


def test_dependent_columns_spend_one_budget():
    rng = np.random.default_rng(2)
    alarms, seen = 0, 0
    for _ in range(40):
        many = bank(budget=1000.0, columns=10)
        pool = BetPool.of([many])
        sums, rows = blocks(rng, 500)
        sums, rows = np.repeat(sums, 10, axis=1), np.repeat(rows, 10, axis=1)  # ten times the same column
        for factors in np.exp(many.growth(sums, rows)):
            if pool.play(factors.ravel(), 8) >= 1:
                alarms += 1
                many.forget_evidence()
        seen += 8 * 500
    assert 20 < alarms < seen / 1000


def test_two_partitions_merge_to_the_sum_of_their_wealth():
    rng = np.random.default_rng(3)
    one, other = bank(1000.0), bank(1000.0)
    for each in (one, other):
        sums, rows = blocks(rng, 50)
        pool = BetPool.of([each])
        for factors in np.exp(each.growth(sums, rows)):
            pool.play(factors.ravel(), 8)
        each.learn(sums, rows)
    together = one.evidence().total + other.evidence().total
    one.merge(other)
    assert np.isclose(one.evidence().total, together, rtol=1e-12)


def test_banks_in_one_pool_are_updated_as_each_alone():
    rng = np.random.default_rng(5)
    banks, alone = [bank(100.0), bank(100.0, columns=3)], [bank(100.0), bank(100.0, columns=3)]
    pool = BetPool.of(banks)
    parts = [blocks(rng, 30), blocks(rng, 30, columns=3)]
    plays = [np.exp(each.growth(*part)) for each, part in zip(banks, parts, strict=True)]
    for number in range(30):
        total = pool.play(np.concatenate([play[number].ravel() for play in plays]), 8)
        each = [
            BetPool.of([one]).play(play[number].ravel(), 8) for one, play in zip(alone, plays, strict=True)
        ]
        assert np.isclose(total, sum(each), rtol=1e-12)
        assert np.isclose(total, sum(one.evidence().total for one in banks), rtol=1e-12)
    banks[1].silence(2, True)
    assert pool.play(np.ones(sum(play[0].size for play in plays)), 0) < total


def test_scores_have_mean_0_and_variance_1_and_do_not_correlate():
    rng = np.random.default_rng(4)
    for _ in range(50):
        shares = rng.dirichlet(np.full(int(rng.integers(2, 40)), 0.3)) + 1e-4
        shares /= shares.sum()
        table = scores.of_numbers(shares)
        assert np.allclose(table @ shares, 0, atol=1e-6)
        assert np.allclose((table * shares) @ table.T, np.eye(len(table)), atol=1e-6)
