"""What tells rows from the reference's."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from watchkeeper.detectors.multivariate.classifier import _delong, explain


def table(n, seed, **changed):
    rng = np.random.default_rng(seed)
    country = rng.choice(["NL", "DE", "FR"], n)
    return {
        "amount": rng.lognormal(size=n),
        "age": rng.normal(40, 10, n).round(),
        "country": country,
        "noise": rng.normal(size=n),
        **changed,
    }


@pytest.mark.parametrize("kind", [dict, pd.DataFrame, pl.DataFrame])
def test_any_table_will_do_and_the_column_that_moved_is_named(kind):
    then, now = table(600, 1), table(400, 2)
    now["amount"] = now["amount"] * 3
    found = explain(kind(then), kind(now))
    assert found.columns[0].name == "amount"
    assert found.columns[0].share > 0.8
    assert 0.6 < found.low < found.auc < found.high < 0.95
    assert found.p_value < 1e-12
    assert {column.name for column in found.columns} == set(then)
    assert sum(column.share for column in found.columns) == pytest.approx(1)


def test_arrays_have_columns_by_number():
    rng = np.random.default_rng(1)
    now = rng.normal(size=(300, 3)) + np.array([0, 0, 2])
    assert explain(rng.normal(size=(300, 3)), now).columns[0].name == "column_2"


def test_a_new_category_is_named():
    now = table(400, 2)
    now["country"] = np.where(np.arange(400) % 2, now["country"], "US")
    assert explain(table(400, 1), now).columns[0].name == "country"


def test_a_broken_correlation_is_told_by_the_columns_that_broke():
    rng = np.random.default_rng(1)
    base = rng.normal(size=800)
    then = {"a": base, "b": base + 0.2 * rng.normal(size=800), "c": rng.normal(size=800)}
    now = {"a": base, "b": rng.permutation(then["b"]), "c": rng.normal(size=800)}
    found = explain(then, now)
    assert found.p_value < 1e-9
    assert {column.name for column in found.columns[:2]} == {"a", "b"}


def test_without_a_difference_p_values_are_no_smaller_than_they_should_be():
    values = [explain(table(150, seed), table(150, 100 + seed)).p_value for seed in range(10)]
    assert np.mean(np.array(values) < 0.05) <= 0.2
    assert np.mean(values) > 0.35


def test_missing_and_infinite_values_are_taken():
    then, now = table(100, 1), table(100, 2)
    now["amount"][:30], now["amount"][30:40], now["noise"][:] = np.nan, np.inf, np.nan
    now["country"] = [None] * 100
    found = explain(then, now)
    assert found.auc > 0.95
    assert found.columns[0].name in ("noise", "country")


def test_the_same_tables_give_the_same_answer():
    assert explain(table(100, 1), table(100, 2)) == explain(table(100, 1), table(100, 2))


def test_the_area_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    truth = rng.random(200) < 0.4
    scores = np.round(rng.normal(size=200) + truth, 1)
    assert _delong(scores, truth)[0] == pytest.approx(roc_auc_score(truth, scores))


def test_delongs_interval_covers():
    rng, covered = np.random.default_rng(1), 0
    truth = np.arange(150) < 60
    for _ in range(300):
        auc, variance = _delong(rng.normal(size=150) + truth, truth)
        covered += abs(auc - 0.7602) < 1.96 * np.sqrt(variance)
    assert covered / 300 == pytest.approx(0.95, abs=0.03)


def test_rows_that_depend_on_each_other_say_less():
    then, now = table(300, 1), table(300, 2, noise=np.random.default_rng(3).normal(size=300) + 0.3)
    free, bound = explain(then, now), explain(then, now, block=20)
    assert free.auc == bound.auc
    assert free.p_value < bound.p_value
    assert bound.high - bound.low > 2 * (free.high - free.low)


def test_too_few_rows_and_other_columns_are_refused():
    with pytest.raises(ValueError, match="needs at least 20 rows, got 19"):
        explain(table(19, 1), table(100, 2))
    with pytest.raises(ValueError, match="lack the column 'noise'"):
        explain(table(100, 1), {k: v for k, v in table(100, 2).items() if k != "noise"})


@pytest.mark.parametrize("settings", [{"level": 0.0}, {"level": 1.0}, {"block": 0}], ids=str)
def test_settings_of_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match="level must be between 0 and 1 and block 1 or more"):
        explain(table(100, 1), table(100, 2), **settings)


def test_columns_of_vectors_and_of_nothing_are_left_out():
    def wider(of):
        return {**of, "text": np.ones((100, 3)), "empty": [None] * 100, "gone": [np.nan] * 100}

    found = explain(wider(table(100, 1)), wider(table(100, 2)))
    assert found == explain(table(100, 1), table(100, 2))
    with pytest.raises(ValueError, match="and have none"):
        explain({"text": np.ones((100, 3))}, {"text": np.ones((100, 3))})


def test_without_scikit_learn_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"pip install 'watchkeeper\[explain\]'"):
        explain(table(100, 1), table(100, 2))
