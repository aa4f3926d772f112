"""Times are read alike from whatever holds them, and a season is never silently forgotten."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from watchkeeper.detectors import Sentinel
from watchkeeper.detectors.tables import table as tables

WEEK = 672  # quarters of an hour


def quarters(weeks, weekend=0.0, seed=3):
    rng, n = np.random.default_rng(seed), WEEK * weeks
    hours = np.arange(n) / 4
    wave = 10 + 3 * np.sin(hours / 12 * np.pi) + weekend * ((hours // 24) % 7 >= 5)
    at = pd.date_range("2026-01-05", periods=n, freq="15min")
    return pd.DataFrame({"at": at, "y": wave + rng.normal(size=n)})


FORMS = {
    "a frame": lambda rows: rows,
    "UTC": lambda rows: rows.assign(at=rows["at"].dt.tz_localize("UTC")),
    "another zone": lambda rows: rows.assign(
        at=rows["at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    ),
    "texts": lambda rows: rows.assign(at=rows["at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "milliseconds": lambda rows: rows.assign(at=rows["at"].astype("datetime64[ms]").astype("int64")),
    "an index": lambda rows: rows.set_index("at"),
    "an index with a zone": lambda rows: rows.set_index(rows["at"].dt.tz_localize("UTC"))[["y"]],
    "arrow": lambda rows: pa.Table.from_pandas(rows, preserve_index=False),
    "polars": pl.from_pandas,
    "polars, not read yet": lambda rows: pl.from_pandas(rows).lazy(),
    "dicts": lambda rows: rows.to_dict("records"),
    "datetimes": lambda rows: {"at": [at.to_pydatetime() for at in rows["at"]], "y": rows["y"].tolist()},
    "with other dates": lambda rows: rows.assign(due=rows["at"] + timedelta(days=3)),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_season_is_found_and_held_in_whatever_form_rows_come(form):
    rows, time = FORMS[form](quarters(4)), None if "index" in form else "at"
    sentinel = Sentinel.fit(rows, time=time, per=10_000)
    assert sentinel.season == "day"
    assert sentinel.update(FORMS[form](quarters(6)[4 * WEEK :])) == []
    if time is not None:  # and the rows to come may come in another
        assert sentinel.update(quarters(8)[6 * WEEK :]) == []


def test_rows_one_by_one_have_their_times_too():
    sentinel = Sentinel.fit(quarters(4), per=10_000)
    rest = quarters(5)[4 * WEEK :]
    for at, y in zip(rest["at"], rest["y"], strict=True):
        assert sentinel.update({"at": at, "y": y}) == []
    assert sentinel.rows == WEEK


def test_a_week_is_found_where_days_differ_and_what_it_does_not_explain_is_a_change():
    for weekend, season in ((0.0, "day"), (2.0, "week"), (4.0, "week")):
        sentinel = Sentinel.fit(quarters(8, weekend))
        assert sentinel.season == season
        later = quarters(14, weekend)[8 * WEEK :]
        assert sentinel.update(later[: 2 * WEEK]) == []
        [alarm, *_] = sentinel.update(later[2 * WEEK :].assign(y=later["y"] + 1.0))
        assert 2 * WEEK <= alarm.row < 3 * WEEK


def test_rows_without_times_are_refused_where_there_is_a_season():
    sentinel = Sentinel.fit(quarters(4))
    with pytest.raises(ValueError, match=r"rows have no times, .* season .* in the column 'at'"):
        sentinel.update({"y": 1.0})
    with pytest.raises(ValueError, match="as the index of a pandas table"):
        Sentinel.fit(quarters(4).set_index("at")).update({"y": 1.0})
    assert sentinel.update([]) == []
    with pytest.raises(ValueError, match="at: the time of row 1 is missing"):
        sentinel.update({"at": [datetime(2026, 3, 1), None], "y": [1.0, 2.0]})


def test_rows_without_times_are_taken_where_there_is_no_season():
    rng = np.random.default_rng(1)
    rows = quarters(4).assign(y=rng.normal(size=4 * WEEK))
    sentinel = Sentinel.fit(rows)
    assert sentinel.season is None
    assert sentinel.update({"y": 1.0}) == sentinel.update({"at": [None, None], "y": [1.0, 2.0]}) == []


def test_a_reference_with_times_is_put_in_order_of_them():
    rows = quarters(4)
    budgets = {Sentinel.fit(each, per=timedelta(days=7)).budget_rows for each in (rows, rows[::-1])}
    assert len(budgets) == 1
    assert Sentinel.fit(rows.sample(frac=1, random_state=1)).season == "day"


def test_dates_that_are_not_the_time_are_named_as_ignored():
    rows = quarters(4).assign(due=lambda rows: rows["at"])
    assert set(Sentinel.fit(rows).ignored) == {"at", "due"}
    assert set(Sentinel.fit(rows, time="at").ignored) == {"due"}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1_767_225_600, 1_767_225_601], "the times are seconds; give milliseconds"),
        (["yesterday", "today"], "at: 'yesterday' is not a time; give dates"),
        ([datetime(2026, 1, 1, tzinfo=UTC), None], "at: the time of row 1 is missing"),
        (["2026-01-01", None], "at: the time of row 1 is missing"),
        ([True, False], "at: True is not a time"),
        ([1.5, None], "at: the time of row 1 is missing"),
    ],
)
def test_a_value_that_is_not_a_time_is_named(column, message):
    with pytest.raises(ValueError, match=message):
        tables.read({"at": column, "y": [1.0, 2.0]}, time="at")


def test_days_are_times():
    read = tables.read({"at": [date(1970, 1, 1), date(1970, 1, 2)], "y": [1.0, 2.0]})
    assert (read.time, read.times_ms.tolist()) == ("at", [0.0, 86_400_000.0])
