"""Rows of real tables, drawn at random: of awkward shapes, and healthy for sure."""

import numpy as np
from sklearn import datasets

from watchkeeper.detectors import Sentinel

TABLES = (datasets.load_digits, datasets.load_breast_cancer, datasets.load_diabetes, datasets.load_wine)
SEEDS, ROWS, PER = 4, 5000, 2500


def test_on_real_tables_the_budget_holds_and_a_shift_of_one_column_is_found():
    alarms, found = 0, 0
    for load in TABLES:
        values = load().data
        for seed in range(SEEDS):
            rng = np.random.default_rng([6, seed])
            sentinel = Sentinel.fit(values[rng.integers(0, len(values), 500)], per=PER, after="restart")
            alarms += len(sentinel.update(values[rng.integers(0, len(values), ROWS)]))
            shifted = values[rng.integers(0, len(values), 1000)]
            column = np.argsort(-shifted.std(axis=0))[seed]
            shifted[:, column] += shifted[:, column].std()
            found += any(
                f"column_{column}" in [each.column for each in alarm.moved]
                for alarm in sentinel.update(shifted)
            )
    assert 3 < alarms <= len(TABLES) * SEEDS * ROWS / PER
    assert found == len(TABLES) * SEEDS
