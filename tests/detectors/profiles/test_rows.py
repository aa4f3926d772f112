import json
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.fixed_point import ROWS_MAX
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.unseen import KEPT
from watchkeeper.schemas.profiles import RowsCounts
from watchkeeper.schemas.references import Binning, NumberBinning

LAYOUT = Layout(
    Binning(
        numbers={"a": NumberBinning((-1.0, 0.0, 2.5), 0.0, 19, -3.0, 3.0), "b": NumberBinning()},
        categories={"c": ("x", "y"), "d": ("false", "true")},
        output=NumberBinning((0.5,), 0.5, 20, 0.0, 1.0),
        task="binary-classification",
    )
)
GOLDEN = Path(__file__).parents[2] / "schemas" / "golden" / "rows_counts.json"

numbers = st.one_of(
    st.floats(-4, 4).map(lambda x: round(x, 2)),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0, -0.0, 2.0**63, 2.0**41]),
)
categories = st.one_of(
    st.sampled_from(["x", "y", None, "new", "other", "\ud800", "z" * 300]),
    st.integers(0, 400).map(lambda i: f"id-{i}"),
)
row = st.tuples(numbers, numbers, categories, categories, numbers, numbers, st.tuples(*[st.booleans()] * 4))
many_rows = st.lists(row, min_size=40, max_size=150)


def to_columns(rows):
    number_columns = np.array([[r[0] for r in rows], [r[1] for r in rows]], float)
    return Columns(
        rows=len(rows),
        numbers=number_columns,
        categories=[[r[2] for r in rows], [r[3] for r in rows]],
        wrong_type=np.array([r[6] for r in rows], bool).reshape(-1, 4).T,
        scores=np.array([r[4] for r in rows], float),
        latency_ms=np.array([r[5] for r in rows], float),
    )


def profile_of(rows, layout=LAYOUT):
    profile = RowsProfile.empty(layout)
    profile.add(to_columns(rows))
    return profile


@given(
    rows=many_rows, cuts=st.lists(st.integers(0, 149), max_size=6), order=st.randoms(use_true_random=False)
)
def test_any_split_in_any_order_gives_the_same_bytes(rows, cuts, order):
    whole = profile_of(rows)
    whole.see_times(3, 900)
    shuffled = list(rows)
    order.shuffle(shuffled)
    bounds = sorted({0, len(rows), *(cut % len(rows) for cut in cuts)})
    parts = [profile_of(shuffled[a:b]) for a, b in pairwise(bounds)]
    order.shuffle(parts)
    for place, part in enumerate(parts):
        part.see_times(3 + place, 900 - place)
    merged = RowsProfile.empty(LAYOUT)
    for part in parts:
        merged.merge(RowsProfile.decode(part.encode(), LAYOUT))
    assert merged.encode() == whole.encode()


@given(rows=many_rows)
def test_the_contract_of_merging_is_not_kept_by_counting_nothing(rows):
    counts = msgspec.msgpack.decode(profile_of(rows).encode(), type=RowsCounts)
    assert counts.rows == len(rows)
    a = np.array([r[0] for r in rows])
    assert sum(counts.numbers[0].bins) == np.isfinite(a).sum()
    assert sum(counts.categories[0].known) + counts.categories[0].unseen == sum(
        r[2] is not None for r in rows
    )


def test_one_row_more_gives_other_bytes():
    rows = [(1.0, 2.0, "x", None, 0.5, 7.0, (False,) * 4)] * 3
    assert profile_of(rows).encode() != profile_of(rows[:2]).encode()


def test_a_profile_reads_back_what_it_wrote(healthy, monitor):
    layout = Layout.of(monitor, None)
    profile = RowsProfile.empty(layout)
    profile.add(healthy(500))
    profile.duplicates, profile.late = 4, 5
    profile.see_times(1, 2)
    again = RowsProfile.decode(profile.encode(), layout)
    assert again.encode() == profile.encode()
    assert (again.duplicates, again.late, again.first_ms, again.last_ms) == (4, 5, 1, 2)
    again.add(healthy(100, seed=1))
    profile.add(healthy(100, seed=1))
    assert again.encode() == profile.encode()


def test_means_deviations_and_extremes_are_those_of_numpy(healthy, monitor):
    columns = healthy(20_000)
    profile = RowsProfile.empty(Layout.of(monitor, None))
    profile.add(columns)
    for name, values in zip(("temp", "distance"), columns.numbers, strict=True):
        number = profile.number(name)
        assert number.mean == pytest.approx(values.mean(), rel=1e-6)
        assert number.sd == pytest.approx(values.std(ddof=1), rel=1e-6)
        assert (number.lowest, number.highest) == (values.min(), values.max())
    assert profile.number("temp").quantile(0.9) == pytest.approx(
        np.quantile(columns.numbers[0], 0.9), abs=0.5
    )
    assert profile.output.mean == pytest.approx(columns.scores.mean(), abs=1e-6)


def test_bins_are_those_of_a_plain_loop(healthy, monitor):
    columns = healthy(ROWS_MAX + 700)
    layout = Layout.of(monitor, None)
    profile = RowsProfile.empty(layout)
    profile.add(columns)
    edges = layout.edges[0]
    expected = np.bincount(np.searchsorted(edges, columns.numbers[0], side="right"), minlength=len(edges) + 1)
    assert profile.number("temp").bins.tolist() == expected.tolist()
    assert profile.category("carrier").kept["UA"] == columns.categories[0].count("UA")


def test_every_cell_is_a_value_missing_or_of_a_wrong_type():
    columns = Columns(
        rows=4,
        numbers=np.array([[1.0, np.nan, np.nan, 9.0], [np.nan] * 4]),
        categories=[["x", None, None, "w"], [None] * 4],
        wrong_type=np.array(
            [[False, True, False, False], [False] * 4, [False, False, True, False], [False] * 4]
        ),
    )
    profile = RowsProfile.empty(LAYOUT)
    profile.add(columns)
    a, c = profile.number("a"), profile.category("c")
    assert (a.usable, a.missing, a.wrong_type, a.outside) == (2, 1, 1, 1)
    assert (c.usable, c.missing, c.wrong_type, c.outside, c.kept) == (2, 1, 1, 1, {"w": 1})
    assert profile.number("b").missing == 4
    assert np.isnan(profile.number("b").mean)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_values_that_are_not_finite_are_missing(bad):
    profile = RowsProfile.empty(LAYOUT)
    profile.add(Columns(2, np.array([[bad, 1.0], [bad, bad]]), [["x", "x"], [None, None]]))
    assert profile.number("a").missing == 1
    assert profile.number("a").mean == 1.0


def test_absurd_values_leave_finite_statistics():
    values = np.array([[1e308, -1e308, 1e308, 2.0**64, 1.0], [1e308] * 5])
    profile = RowsProfile.empty(LAYOUT)
    profile.add(Columns(5, values, [["x"] * 5, [None] * 5]))
    a = profile.number("a")
    assert np.isfinite([a.mean, a.sd, a.quantile(0.5)]).all()
    assert (a.highest, a.outside) == (1e308, 4)


def test_a_past_knows_how_its_spans_vary():
    past = RowsProfile.empty(LAYOUT)
    for rows, values in ((3, [1.0, 1.0, 1.0]), (2, [1.0, 2.0])):
        span = RowsProfile.empty(LAYOUT)
        span.add(Columns(rows, np.array([values, values]), [["x"] * rows, ["new", *[None] * (rows - 1)]]))
        span.seal()
        past.merge(RowsProfile.decode(span.encode(), LAYOUT))
    past = RowsProfile.decode(past.encode(), LAYOUT)
    assert (past.spans.count, past.spans.rows_min, past.spans.rows_max) == (2, 2, 3)
    assert past.spans.constant == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_minus_zero_is_zero():
    rows = [(zero, 1.0, "x", None, 0.5, 7.0, (False,) * 4) for zero in (0.0, -0.0)]
    assert profile_of(rows[:1]).encode() == profile_of(rows[1:]).encode()


def test_an_empty_batch_changes_nothing():
    profile = RowsProfile.empty(LAYOUT)
    before = profile.encode()
    profile.add(Columns(0, np.empty((2, 0)), [[], []], np.empty((4, 0), bool), np.empty(0), np.empty(0)))
    profile.merge(RowsProfile.empty(LAYOUT))
    assert profile.encode() == before
    assert profile.latency_quantile_ms(0.5) is None
    assert RowsProfile.decode(before, LAYOUT).encode() == before


def test_a_million_distinct_categories_stay_bounded():
    profile = RowsProfile.empty(LAYOUT)
    for start in range(0, 1_000_000, 50_000):
        names = [f"user-{i}" for i in range(start, start + 50_000)]
        profile.add(Columns(50_000, np.full((2, 50_000), 1.0), [names, [None] * 50_000]))
    summary = profile.category("c")
    assert summary.outside == 1_000_000
    assert len(summary.kept) == KEPT
    assert len(profile.encode()) < 5_000


def test_long_categories_are_kept_short_and_apart():
    names = ["a" * 10_000_000 + "1", "a" * 10_000_000 + "2", "\ud800"]
    profile = RowsProfile.empty(LAYOUT)
    profile.add(Columns(3, np.ones((2, 3)), [names, [None] * 3]))
    kept = RowsProfile.decode(profile.encode(), LAYOUT).category("c").kept
    assert sorted(map(len, kept)) == [1, 100, 100]


def test_a_feature_view_has_no_output():
    layout = Layout(Binning({"a": NumberBinning()}, {}))
    profile = RowsProfile.empty(layout)
    profile.add(Columns(2, np.ones((1, 2)), []))
    assert profile.output is None
    assert RowsProfile.decode(profile.encode(), layout).rows == 2


def test_only_categories_are_enough():
    layout = Layout(Binning({}, {"c": ("x",)}))
    profile = RowsProfile.empty(layout)
    profile.add(Columns(2, np.empty((0, 2)), [["x", "y"]]))
    assert RowsProfile.decode(profile.encode(), layout).category("c").counts() == {"x": 1, "y": 1}


def test_profiles_of_two_layouts_do_not_merge():
    other = Layout(Binning({"a": NumberBinning()}, {}))
    with pytest.raises(ValueError, match="cannot merge profiles of layouts"):
        RowsProfile.empty(LAYOUT).merge(RowsProfile.empty(other))


def test_the_bytes_of_a_profile_are_pinned():
    rows = [
        (0.5, -2.0, "x", "true", 0.9, 12.0, (False,) * 4),
        (np.nan, 3.0, "new", None, 0.1, 0.0, (True,) * 4),
    ]
    profile = profile_of(rows)
    profile.see_times(1_000, 2_000)
    written = msgspec.json.decode(
        msgspec.json.encode(msgspec.msgpack.decode(profile.encode(), type=RowsCounts))
    )
    assert written == json.loads(GOLDEN.read_text())


def test_a_profile_of_an_older_program_is_read():
    rows = [
        (0.5, -2.0, "x", "true", np.nan, 12.0, (False,) * 4),
        (1.0, 3.0, "y", None, 0.1, 0.0, (True,) * 4),
    ]
    profile = profile_of(rows)
    newest = msgspec.msgpack.decode(profile.encode())
    for known in (8, 9, 10):  # without `spans` and `labelled`, without `labelled`, all
        old = msgspec.msgpack.encode(newest[:known])
        assert RowsProfile.decode(old, LAYOUT).encode() == profile.encode()


def test_a_field_of_a_newer_program_is_skipped():
    profile = profile_of([(0.5, -2.0, "x", "true", 0.9, 12.0, (False,) * 4)])
    newer = msgspec.msgpack.encode([*msgspec.msgpack.decode(profile.encode()), 7])
    assert RowsProfile.decode(newer, LAYOUT).encode() == profile.encode()
