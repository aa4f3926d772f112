"""What the engine promises, on tables like those of its users."""

import pickle
from copy import deepcopy
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.signal import lfilter

from watchkeeper.detectors import Sentinel
from watchkeeper.detectors.tables import table as tables


def rows(rng, n, mean=0.0, spread=1.0, shares=(0.5, 0.3, 0.2), missing=0.0):
    amount = rng.normal(mean, spread, n)
    amount[rng.random(n) < missing] = np.nan
    return {
        "amount": amount,
        "age": rng.integers(18, 80, n),
        "country": rng.choice(["NL", "DE", "FR"], n, p=shares),
    }


def fitted(seed=0, n=3000, **options):
    return Sentinel.fit(rows(np.random.default_rng(seed), n), **options)


CHANGES = {
    "mean": ({"mean": 0.5}, "amount", "mean"),
    "spread": ({"spread": 1.6}, "amount", "spread"),
    "shares": ({"shares": (0.2, 0.3, 0.5)}, "country", "share of FR"),
    "missing": ({"missing": 0.2}, "amount", "share of missing values"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_once_and_named(change):
    options, column, move = CHANGES[change]
    rng = np.random.default_rng(5)
    sentinel = fitted()
    assert sentinel.update(rows(rng, 2000)) == []
    [alarm] = sentinel.update(rows(rng, 3000, **options))
    assert (alarm.column, 2000 <= alarm.row < 2600) == (column, True)
    assert move in [each.move for each in alarm.moved] or move == "share of FR"
    assert abs(alarm.since - 2000) < 250


def test_a_healthy_stream_raises_no_more_alarms_than_the_budget():
    alarms, seen = 0, 0
    for seed in range(20):
        sentinel = fitted(seed, n=1000, per=2000)
        rng = np.random.default_rng(1000 + seed)
        alarms += len(sentinel.update(rows(rng, 10_000)))
        seen += 10_000
    assert 3 < alarms <= seen / 2000  # and it is not simply deaf


@pytest.mark.parametrize("rows_of_others", [1, 12, 24, 60])
def test_a_column_that_is_nearly_always_the_lowest_is_watched(rows_of_others):
    """As amounts of capital gain, or a pixel at the rim: more distinct values than bins, few of any."""
    values = np.zeros(1000)
    values[-rows_of_others:] = 1.0 + np.arange(rows_of_others)
    rng = np.random.default_rng(4)
    sentinel = Sentinel.fit({"gain": rng.permutation(values)}, per=10_000)
    assert sentinel.update({"gain": rng.choice(values, 2000)}) == []
    [alarm] = sentinel.update({"gain": np.where(rng.random(200) < 0.5, 0.0, 5.0)})
    assert (alarm.column, alarm.row < 2100) == ("gain", True)


def test_a_change_right_after_a_short_reference_is_not_learned_while_it_is_looked_for():
    delays = []
    for seed in range(150):
        rng = np.random.default_rng([31, seed])
        sentinel = Sentinel.of_errors(rng.random(500) < 0.1, per=10_000)
        alarms = sentinel.update(rng.random(3000) < 0.2)
        delays.append(alarms[0].row if alarms else 3000)
    assert np.mean(delays) < 240  # 300 where means follow every row at once


@pytest.mark.parametrize(
    ("categories", "skew", "reference_rows"),
    [(100, 0.0, 500), (200, 1.0, 500), (2000, 1.2, 500), (2000, 1.2, 5000)],
)
def test_many_categories_that_a_reference_shows_by_chance_are_no_change(categories, skew, reference_rows):
    """What came out on top of the reference by luck falls back, and what it never showed turns up."""
    shares = 1 / np.arange(1, categories + 1) ** skew
    names, shares = np.array([f"c{i}" for i in range(categories)]), shares / shares.sum()
    alarms = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        sentinel = Sentinel.fit(
            {"sku": rng.choice(names, reference_rows, p=shares)}, per=5000, after="restart"
        )
        alarms += len(sentinel.update({"sku": rng.choice(names, 10_000, p=shares)}))
        [*_, alarm] = sentinel.update({"sku": np.repeat("new", 100)})
        assert alarm.moved[0].move in ("share of unseen categories", "share of rare categories")
    assert alarms <= 3 * 10_000 / 5000


@pytest.mark.parametrize("seed", range(6))
def test_the_same_rows_give_the_same_alarms_however_they_are_cut(seed):
    rng = np.random.default_rng(seed)
    stream = np.concatenate([rng.normal(level, 1, 1500) for level in (0, 1, 0)])
    reference = rng.normal(0, 1, 1000)
    whole = Sentinel.fit(reference).update(stream)
    sentinel, pieces = Sentinel.fit(reference), []
    for piece in np.split(stream, np.sort(rng.integers(0, len(stream), 20 * (1 + seed % 3)))):
        pieces += sentinel.update(piece)
    assert pieces == whole
    assert len(whole) == 2


@pytest.mark.parametrize("after", ["relearn", "hold"])
@pytest.mark.parametrize("at", [3, 500, 1600, 1900])
def test_a_loaded_sentinel_continues_as_if_it_had_never_stopped(at, after):
    rng = np.random.default_rng(3)
    first, then = rows(rng, 1500), rows(rng, 2500, mean=1.0)
    stream = {name: np.concatenate([first[name], then[name]]) for name in first}
    never, stopped = fitted(n=1000, after=after), fitted(n=1000, after=after)
    whole = never.update(stream)
    pieces = stopped.update({name: column[:at] for name, column in stream.items()})
    stopped = Sentinel.load(stopped.save())
    pieces += stopped.update({name: column[at:] for name, column in stream.items()})
    assert pieces == whole
    assert len(whole) >= 1
    assert stopped.save() == never.save()


def test_after_hold_the_columns_that_moved_are_silenced_and_the_others_watched():
    rng = np.random.default_rng(4)
    sentinel = fitted(after="hold")
    [first] = sentinel.update(rows(rng, 3000, mean=1.0))
    [second] = sentinel.update(rows(rng, 3000, mean=1.0, shares=(0.2, 0.3, 0.5)))
    assert (first.column, second.column) == ("amount", "country")


def test_a_silenced_column_is_watched_again_against_the_reference():
    rng = np.random.default_rng(4)
    sentinel = fitted(after="hold")
    assert len(sentinel.update(rows(rng, 3000, mean=1.0))) == 1
    assert sentinel.update(rows(rng, 3000)) == []
    sentinel.watch_again("amount")
    assert sentinel.update(rows(rng, 1000)) == []
    sentinel = Sentinel.load(sentinel.save())
    [again] = sentinel.update(rows(rng, 1000, mean=1.0))
    assert (again.column, again.row < 7_100) == ("amount", True)
    with pytest.raises(ValueError, match="colour: not watched; the columns are age, all numbers"):
        sentinel.watch_again("colour")


def test_each_kind_of_table_is_read_alike():
    rng = np.random.default_rng(6)
    reference, stream = rows(rng, 2000), rows(rng, 1000, mean=1.0)
    plain = Sentinel.fit(reference).update(stream)
    for make in (pd.DataFrame, pl.DataFrame, pa.table):
        assert Sentinel.fit(make(reference)).update(make(stream)) == plain
    records = pd.DataFrame(stream).to_dict("records")
    one_by_one = Sentinel.fit(reference)
    assert [alarm for record in records for alarm in one_by_one.update(record)] == plain
    assert plain


@pytest.mark.parametrize("reference_rows", [101, 300, 1003])
def test_a_reference_need_not_be_of_whole_blocks(reference_rows):
    rng = np.random.default_rng(1)
    sentinel = Sentinel.fit(rng.normal(size=reference_rows))
    shifted = [sentinel.update(rng.normal(mean, 1, 2001)) for mean in (0.0, 3.0, 0.0, 3.0)]
    assert [len(alarms) for alarms in shifted[1:]] == [1, 1, 1]


def test_bursts_that_the_reference_shows_are_no_change():
    rng = np.random.default_rng(8)

    def bursty(n):
        levels = np.where(np.arange(n // 100) % 4 == 0, 0.25, 0.05)
        return (rng.random(n) < np.repeat(rng.permutation(levels), 100)).astype(float)

    aware = Sentinel.of_errors(bursty(20_000), per=20_000)
    blind = Sentinel.of_errors(rng.permutation(bursty(20_000)), per=20_000)
    stream = bursty(100_000)
    assert len(aware.update(stream)) <= 5
    assert blind.update(stream[:5000])


def test_a_daily_season_is_found_and_is_no_change():
    rng = np.random.default_rng(9)

    def days(first, count):
        times = np.datetime64("2026-01-01") + np.arange(first * 480, (first + count) * 480) * np.timedelta64(
            3, "m"
        )
        hours = times.astype("datetime64[m]").astype(int) / 60
        return pd.DataFrame(
            {"load": np.sin(hours * np.pi / 12) + rng.normal(0, 0.5, len(times)), "at": times}
        )

    sentinel = Sentinel.fit(days(0, 14), per=50_000)
    assert sentinel.season == "day"
    assert sentinel.update(days(14, 60)) == []
    noon_at_night = days(74, 3)
    noon_at_night["load"] = noon_at_night["load"].to_numpy()[::-1]
    [alarm, *_] = sentinel.update(noon_at_night)
    assert alarm.column == "load"


def test_a_fault_is_named_for_what_it_is():
    rng = np.random.default_rng(10)
    reference = {"temp": rng.normal(60, 15, 5000), "carrier": rng.choice(["EV", "UA", "AA"], 5000)}
    sentinel = Sentinel.fit(reference)
    celsius = {"temp": (rng.normal(60, 15, 500) - 32) / 1.8, "carrier": rng.choice(["EV", "UA", "AA"], 500)}
    assert sentinel.update(celsius)[0].cause == "unit_change"
    renamed = {"temp": rng.normal(60, 15, 500), "carrier": rng.choice(["XE", "UA", "AA"], 500)}
    assert Sentinel.fit(reference).update(renamed)[0].cause == "category_renamed"


GROWTH = {
    "counts": (lambda rng, n: rng.poisson(3, n), lambda rng, n: rng.poisson(5, n)),
    "stays": (lambda rng, n: rng.geometric(0.5, n), lambda rng, n: rng.geometric(0.3, n)),
    "amounts": (lambda rng, n: rng.lognormal(3, 0.5, n), lambda rng, n: rng.lognormal(3.53, 0.5, n)),
    "level": (lambda rng, n: rng.normal(100, 10, n), lambda rng, n: rng.normal(161, 10, n)),
}


@pytest.mark.parametrize("kind", GROWTH)
def test_growth_by_about_the_factor_of_a_conversion_is_drift(kind):
    before, after = GROWTH[kind]
    causes = []
    for seed in range(6):
        rng = np.random.default_rng([14, seed])
        sentinel = Sentinel.fit({"x": before(rng, 3000)}, per=20_000)
        causes += [alarm.cause for alarm in sentinel.update({"x": after(rng, 600)})[:1]]
    assert len(causes) == 6
    assert causes.count("drift") >= 5


def test_only_a_rise_of_errors_is_a_change():
    rng = np.random.default_rng(11)
    reference = rng.random(5000) < 0.2
    assert Sentinel.of_errors(reference).update(rng.random(5000) < 0.05) == []
    assert len(Sentinel.of_errors(reference).update(rng.random(500) < 0.5)) == 1


def test_columns_that_can_not_be_watched_are_named():
    rng = np.random.default_rng(12)
    reference = {
        "id": [f"row-{n}" for n in range(500)],
        "empty": [None] * 500,
        "amount": rng.normal(0, 1, 500),
    }
    sentinel = Sentinel.fit(reference)
    assert sorted(sentinel.ignored) == ["empty", "id"]
    wrong = {"id": ["x"] * 300, "empty": [None] * 300, "amount": ["a lot"] * 300}
    assert sentinel.update(wrong)[0].moved[0].move == "share of missing values"


@pytest.mark.parametrize(
    ("reference", "options", "message"),
    [
        ([0.0] * 20, {}, "the reference has 20 rows; at least 100 are needed"),
        ([0.0] * 200, {"losses": ["loss"]}, "losses names loss, which the reference lacks"),
        ([0.0] * 200, {"losses": 5}, "losses names 5, which the reference lacks"),
        (["yes"] * 200, {"losses": "value"}, "losses names value, which is not a column of numbers"),
        ([0.0] * 200, {"at_most": 0}, "at_most must be a number above 0, got 0"),
        ([0.0] * 200, {"at_most": "1"}, "at_most must be a number above 0, got '1'"),
        ([0.0] * 200, {"per": "1000"}, "per must be a number of rows above 0, or a timedelta, got '1000'"),
        ([0.0] * 200, {"per": timedelta(0)}, "per must be a span of time above 0, got 0:00:00"),
        ([0.0] * 200, {"tolerance": None}, "tolerance must be a number, 0 or above, got None"),
        ([0.0] * 200, {"per": float("nan")}, "per must be a number of rows above 0, or a timedelta, got nan"),
        ([0.0] * 200, {"tolerance": -1}, "tolerance must be a number, 0 or above, got -1"),
        ([0.0] * 200, {"after": "stop"}, "after must be one of relearn, hold, restart, got stop"),
        ([[1, 2], [3]] * 100, {}, "all rows must have the same number of values"),
        ({"a": np.zeros((200, 2, 2))}, {}, "the column 'a' has 3 dimensions; give one, or two"),
        ([0.0] * 200, {"per": np.timedelta64(1, "D")}, "a budget per time needs rows with times"),
        (
            {"a": [1] * 200, "b": [2] * 100},
            {},
            "all columns must have the same number of rows, got [100, 200]",
        ),
    ],
)
def test_a_mistake_is_named(reference, options, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        Sentinel.fit(reference, **options)


def test_dates_in_a_column_of_numbers_are_of_a_wrong_type_and_huge_whole_numbers_are_infinite():
    numbers = np.random.default_rng(13).normal(size=300)
    dates = np.array(["2026-01-01"] * 48, "datetime64[D]")
    assert Sentinel.fit({"a": numbers}).update({"a": dates})[0].cause == "wrong_type"
    assert len(Sentinel.fit({"a": numbers}).update({"a": [10**400] * 48})) == 1


def test_a_table_of_one_column_of_errors_is_watched_by_its_name():
    wrong = pd.DataFrame({"wrong": np.random.default_rng(14).random(1000) < 0.1})
    [alarm] = Sentinel.of_errors(wrong).update(pd.DataFrame({"wrong": [True] * 48}))
    assert alarm.column == "wrong"


def test_columns_of_one_name_are_refused_and_spans_of_time_are_numbers():
    with pytest.raises(ValueError, match="several columns are named a; give each column its own name"):
        Sentinel.fit(pd.DataFrame(np.ones((200, 2)), columns=["a", "a"]))
    alike = pa.table({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    assert list(tables.read(alike).columns) == ["a", "b"]
    waits = tables.read(pd.DataFrame({"wait": pd.to_timedelta([1.5, None], unit="s")})).columns["wait"]
    assert np.array_equal(waits, [1.5, np.nan], equal_nan=True)


def test_rows_that_lack_a_column_are_refused():
    with pytest.raises(ValueError, match="the rows lack the column 'age'"):
        fitted().update({"amount": [1.0], "country": ["NL"]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308, -1e308])
def test_extreme_values_do_no_harm(value):
    sentinel = Sentinel.fit(np.random.default_rng(1).normal(size=1000))
    alarms = sentinel.update(np.full(200, value))
    assert len(alarms) == 1
    assert np.isfinite(alarms[0].evidence)


def test_a_constant_column_that_changes_is_found():
    assert len(Sentinel.fit([5.0] * 1000).update([5.0] * 500 + [6.0] * 100)) == 1


def test_a_correlation_that_breaks_is_found_though_no_column_changes():
    rng = np.random.default_rng(13)

    def pair(n, correlation):
        first, other = rng.normal(size=(2, n))
        return {"a": first, "b": correlation * first + np.sqrt(1 - correlation**2) * other}

    sentinel = Sentinel.fit(pair(3000, 0.9))
    assert sentinel.update(pair(2000, 0.9)) == []
    [alarm] = sentinel.update(pair(500, -0.9))
    assert alarm.column.startswith("all numbers")


def test_missing_values_of_pandas_are_missing():
    counts = pd.array([1, 2, 3, None] * 100, dtype="Int64")
    words = pd.array(["a", "b", None, "a"] * 100, dtype="string")
    table = tables.read(pd.DataFrame({"count": counts, "word": words, "yes": [True, False] * 200}))
    assert np.isnan(table.columns["count"][3])
    assert table.columns["word"][:3] == ["a", "b", None]
    assert table.columns["yes"].tolist()[:2] == [1.0, 0.0]


def test_the_variability_of_the_reference_holds_after_an_alarm_too():
    rng = np.random.default_rng(3)
    steps = rng.normal(size=60_000) * np.sqrt(1 - 0.998**2)
    drift = lfilter([1.0], [1.0, -0.998], steps)
    values = drift + rng.normal(size=60_000)
    sentinel = Sentinel.fit(values[:30_000], per=100_000)
    alarms = sentinel.update(np.concatenate((values[30_000:40_000] + 6.0, values[40_000:])))
    assert 1 <= len(alarms) <= 6


def test_copied_and_pickled_sentinels_continue_as_the_original():
    rng = np.random.default_rng(11)
    sentinel = Sentinel.fit({"x": rng.normal(size=2000), "c": rng.choice(["a", "b"], 2000)}, per=2000)
    sentinel.update({"x": rng.normal(size=100), "c": rng.choice(["a", "b"], 100)})
    others = [deepcopy(sentinel), pickle.loads(pickle.dumps(sentinel))]  # noqa: S301
    rows = {"x": rng.normal(0.5, 1, 3000), "c": rng.choice(["a", "b"], 3000, p=[0.7, 0.3])}
    expected = [str(alarm) for alarm in sentinel.update(rows)]
    assert len(expected) > 0
    for other in others:
        assert [str(alarm) for alarm in other.update(rows)] == expected
        assert other.save() == sentinel.save()


def test_an_iterator_is_read_to_its_end():
    values = np.random.default_rng(1).normal(size=2000)
    whole, read = Sentinel.fit(values), Sentinel.fit(float(value) for value in values)
    later = values + np.repeat([0.0, 1.0], 1000)
    assert whole.update(later)
    assert [str(each) for each in read.update(value for value in later)] == [
        str(each) for each in Sentinel.fit(values).update(later)
    ]


def test_numbers_may_be_tiny():
    values = np.random.default_rng(1).normal(size=2000)
    assert [each.row for each in Sentinel.fit(values * 1e-150).update((values + 1) * 1e-150)] == [
        each.row for each in Sentinel.fit(values).update(values + 1)
    ]


def test_saved_bytes_are_the_same_after_loading():
    rng = np.random.default_rng(1)
    sentinel = Sentinel.fit({"shop": [f"shop {number}" for number in rng.zipf(1.5, 2000)]})
    assert Sentinel.load(sentinel.save()).save() == sentinel.save()
    [rare] = [each.bins.rare for each in sentinel.channels if getattr(each.bins, "rare", ())]
    assert rare == tuple(sorted(rare))  # not as a process happens to hash
