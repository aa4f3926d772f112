"""A row is a row in whatever form, and a column keeps the name that it has."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from watchkeeper.detectors import Sentinel

ROWS = np.random.default_rng(1).normal(size=(500, 3))
NAMED = [{"a": float(a), "b": float(b)} for a, b, _ in ROWS]


@pytest.mark.parametrize("row", [ROWS[0], ROWS[:1], ROWS[0].tolist(), [tuple(ROWS[0])]], ids=repr)
def test_an_array_of_as_many_numbers_as_there_are_columns_is_a_row_of_them(row):
    sentinel = Sentinel.fit(ROWS)
    assert [sentinel.update(row) for _ in range(8)] == [[]] * 8
    assert sentinel.rows == 8


def test_what_a_row_lacks_is_missing_in_it_in_a_dict_as_in_a_list_of_dicts():
    alone, listed = Sentinel.fit(NAMED), Sentinel.fit(NAMED)
    alarms = [alarm for row in NAMED[:100] for alarm in alone.update({"a": row["a"]})]
    assert [str(each) for each in alarms] == [
        str(each) for each in listed.update([{"a": row["a"]} for row in NAMED[:100]])
    ]
    assert (alarms[0].column, alarms[0].cause) == ("b", "missing")
    with pytest.raises(ValueError, match="the rows lack the column 'b'"):
        alone.update({"a": ROWS[:, 0]})


@pytest.mark.parametrize("series", [pd.Series(ROWS[:, 0], name="amount"), pl.Series("amount", ROWS[:, 0])])
def test_a_series_keeps_its_name_and_its_rows_may_come_without(series):
    sentinel = Sentinel.fit(series)
    assert {each.name for each in sentinel.channels} == {"amount"}
    assert sentinel.update(ROWS[:, 1]) == []
    assert [sentinel.update({"amount": 1.0}) for _ in range(4)] == [[]] * 4
    assert sentinel.rows == 504


def test_a_series_without_a_name_is_of_values():
    assert {each.name for each in Sentinel.fit(pd.Series(ROWS[:, 0])).channels} == {"value"}
    assert {each.name for each in Sentinel.fit(pl.Series(ROWS[:, 0])).channels} == {"value"}


def test_other_objects_are_refused():
    with pytest.raises(ValueError, match="cannot read a csr_array; give an array, a table, or rows"):
        Sentinel.fit(sparse.csr_array(ROWS))
