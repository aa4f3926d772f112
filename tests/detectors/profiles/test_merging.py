"""Whatever is counted in parts is what is counted at once: all that merges, by one contract.

Exact state must give the same bytes; a sketch must stay within its stated bound (at the end).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.detectors.profiles import buckets, fixed_point
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.spans import SpanExtremes
from watchkeeper.detectors.profiles.unseen import KEPT, Unseen
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.references import Binning, NumberBinning

LAYOUT = Layout(
    Binning(
        {"a": NumberBinning((-1.0, 0.0, 2.5), 0.0, 19, -3.0, 3.0)},
        {"c": ("x", "y")},
        NumberBinning((0.5,), 0.5, 20, 0.0, 1.0),
        "binary-classification",
    )
)
REGRESSION = Layout(Binning({}, {}, NumberBinning(exponent=18), "regression"))
ODD = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 2.0**63]
Row = tuple[float, str | None, float, float]

number = st.one_of(st.floats(-4, 4), st.sampled_from(ODD))
category = st.one_of(st.sampled_from(["x", "y", None, "new"]), st.integers(0, 300).map("id-{}".format))
rows_of = st.lists(
    st.tuples(number, category, st.floats(0, 1), st.sampled_from([0.0, 1.0, np.nan])),
    min_size=30,
    max_size=120,
)


class Mergeable(NamedTuple):
    """One kind of state: how it is made of rows, merged, and shown."""

    of: Callable[[list[Row]], Any]
    merge: Callable[[Any, Any], Any]
    show: Callable[[Any], Any]


def _in_place(whole, part):
    whole.merge(part)
    return whole


def _rows(rows):
    profile = RowsProfile.empty(LAYOUT)
    a, c, scores, _ = zip(*rows, strict=True) if rows else ((), (), (), ())
    values = np.array(a, float)
    profile.add(
        Columns(len(rows), values[None], [list(c)], scores=np.array(scores), latency_ms=np.abs(values))
    )
    if rows:
        profile.see_times(round(1e6 * min(scores)), round(1e6 * max(scores)))
    return profile


def _labels(layout):
    def of(rows):
        profile = labels_of(layout).empty(layout)
        a, _, scores, labels = zip(*rows, strict=True) if rows else ((), (), (), ())
        lag_ms = np.abs(np.nan_to_num(np.array(a, float), posinf=1e9, neginf=1e9))
        profile.add(np.array(scores, float), np.array(labels, float), lag_ms)
        return profile

    return of


def _unseen(rows):
    unseen = Unseen()
    for row in rows:
        if row[1] is not None:
            unseen.add({row[1]: 1})
    return unseen


def _spans(rows):
    spans = SpanExtremes()
    for row in rows:
        one = _rows([row])
        one.seal()
        spans.merge(one.spans)
    return spans


def _sums(rows):
    steps = fixed_point.to_grid(np.array([[row[0] for row in rows]], float), 0.0, 2.0**19)
    totals, squares = fixed_point.exact_sums(np.nan_to_num(steps, nan=0.0))
    return totals[0], squares[0]


MERGEABLE = {
    "rows": Mergeable(_rows, _in_place, lambda profile: profile.encode()),
    "labels": Mergeable(_labels(LAYOUT), _in_place, lambda profile: profile.encode()),
    "labels of a regression": Mergeable(_labels(REGRESSION), _in_place, lambda profile: profile.encode()),
    "unseen": Mergeable(_unseen, _in_place, lambda unseen: (unseen.total, unseen.in_order())),
    "spans": Mergeable(_spans, _in_place, lambda spans: spans.to_wire()),
    "durations": Mergeable(
        lambda rows: buckets.bucket_counts(np.array([row[0] for row in rows], float)),
        lambda a, b: a + b,
        lambda counts: counts.tolist(),
    ),
    "sums": Mergeable(_sums, lambda a, b: (a[0] + b[0], a[1] + b[1]), lambda sums: sums),
}
each = pytest.mark.parametrize("kind", MERGEABLE)


def _merged(kind, parts):
    state = kind.of([])
    for part in parts:
        state = kind.merge(state, kind.of(part))
    return kind.show(state)


@each
@settings(max_examples=30, deadline=None)
@given(rows=rows_of, parts=st.integers(2, 7), order=st.randoms(use_true_random=False))
def test_parts_in_any_order_are_the_whole(kind, rows, parts, order):
    shuffled = list(rows)
    order.shuffle(shuffled)
    cut = [shuffled[place::parts] for place in range(parts)]
    assert _merged(MERGEABLE[kind], cut) == MERGEABLE[kind].show(MERGEABLE[kind].of(rows))


@each
@settings(max_examples=15, deadline=None)
@given(rows=rows_of)
def test_how_parts_are_grouped_does_not_matter_and_nothing_adds_nothing(kind, rows):
    one = MERGEABLE[kind]
    a, b, c = rows[:10], rows[10:20], rows[20:]
    left = one.merge(one.merge(one.of(a), one.of(b)), one.of(c))
    right = one.merge(one.of(a), one.merge(one.of(b), one.of(c)))
    assert one.show(left) == one.show(right)
    assert _merged(one, [rows, []]) == one.show(one.of(rows))


@each
def test_the_contract_would_see_a_part_that_is_lost_or_counted_twice(kind):
    rows = [(0.5, f"id-{n}", 0.25, 1.0) for n in range(40)]
    whole = MERGEABLE[kind].show(MERGEABLE[kind].of(rows))
    assert _merged(MERGEABLE[kind], [rows[:20]]) != whole
    assert _merged(MERGEABLE[kind], [rows, rows[:20]]) != whole
    assert _merged(MERGEABLE[kind], [rows[:20], rows[20:]]) == whole


# Sketches: what they say of the merged parts, within what is promised.


@pytest.fixture(scope="module")
def drawn():
    return np.random.default_rng(1).lognormal(3, 1, (5, 2000))


def test_durations_are_within_the_stated_share(drawn):
    counts = sum(buckets.bucket_counts(part) for part in drawn)
    for share in (0.01, 0.5, 0.95, 0.99):
        true = np.quantile(drawn, share, method="inverted_cdf")
        assert buckets.quantile(counts, share) == pytest.approx(true, rel=0.016)


def test_means_are_within_a_millionth_of_the_deviation(drawn):
    exponent = fixed_point.grid_exponent(float(drawn.std()))
    parts = [fixed_point.exact_sums(fixed_point.to_grid(x[None], 20.0, 2.0**exponent)) for x in drawn]
    total, squares = sum(part[0][0] for part in parts), sum(part[1][0] for part in parts)
    step = 1e-6 * drawn.std()
    assert abs(fixed_point.mean(drawn.size, total, 20.0, exponent) - drawn.mean()) < step
    deviation = fixed_point.deviation(drawn.size, total, squares, exponent)
    assert abs(deviation - drawn.std(ddof=1)) < 2 * step


def test_the_sample_of_unseen_categories_is_bounded_and_its_counts_are_exact():
    rng = np.random.default_rng(2)
    names = [f"user-{n}" for n in rng.zipf(1.3, 20_000) % 3000]
    merged = Unseen()
    for place in range(4):
        part = Unseen()
        for name in names[place::4]:
            part.add({name: 1})
        merged.merge(part)
    assert len(merged.kept) == KEPT
    assert merged.total == len(names)
    assert all(names.count(name) == count for name, count in merged.kept.items())
