import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.detectors.tasks.binary import STEPS
from watchkeeper.schemas.profiles import LabelsCounts
from watchkeeper.schemas.references import Binning, NumberBinning

BINARY = Layout(Binning({}, {}, NumberBinning(), "binary-classification"))
REGRESSION = Layout(Binning({}, {}, NumberBinning(exponent=18), "regression"))
GOLDEN = Path(__file__).parents[2] / "schemas" / "golden" / "labels_counts.json"

score = st.one_of(st.floats(0, 1), st.sampled_from([np.nan, np.inf, -3.0, 1e308, 0.0, 1.0]))
label = st.sampled_from([0.0, 1.0, 1.0, 0.0, np.nan, 0.5, np.inf, -1e308])
row = st.tuples(score, label, st.floats(0, 1e9), st.sampled_from([np.nan, 0.0, 1.0]))
many_rows = st.lists(row, min_size=40, max_size=120)


def add(profile, rows, sign=1):
    scores, labels, lag_ms, predicted = np.array(rows, float).reshape(-1, 4).T
    profile.add(scores, labels, lag_ms, predicted, sign)


def profile_of(rows, layout):
    profile = labels_of(layout).empty(layout)
    add(profile, rows)
    return profile


each_layout = pytest.mark.parametrize("layout", [BINARY, REGRESSION], ids=["binary", "regression"])


@each_layout
@given(rows=many_rows, cut=st.integers(1, 39), order=st.randoms(use_true_random=False))
def test_any_split_in_any_order_gives_the_same_bytes(layout, rows, cut, order):
    whole = profile_of(rows, layout)
    shuffled = list(rows)
    order.shuffle(shuffled)
    merged = labels_of(layout).decode(profile_of(shuffled[cut:], layout).encode(), layout)
    merged.merge(profile_of(shuffled[:cut], layout))
    assert merged.encode() == whole.encode()


@each_layout
@given(rows=many_rows, cut=st.integers(1, 39))
def test_labels_taken_back_leave_no_trace(layout, rows, cut):
    profile = profile_of(rows, layout)
    add(profile, rows[:cut], sign=-1)
    assert profile.encode() == profile_of(rows[cut:], layout).encode()


@each_layout
@given(rows=many_rows)
def test_every_label_is_counted_or_called_unusable(layout, rows):
    profile = profile_of(rows, layout)
    assert profile.labels + profile.unusable == len(rows)
    least, most = (0, 1) if layout is BINARY else (-np.inf, np.inf)
    finite = [r for r in rows if np.isfinite(r[0]) and least <= r[0] <= most]
    allowed = (lambda y: y in (0.0, 1.0)) if layout is BINARY else np.isfinite
    assert profile.scored == sum(bool(allowed(r[1])) for r in finite)


def test_sums_are_those_of_numpy():
    rng = np.random.default_rng(1)
    values, labels = rng.normal(10, 3, 9000), rng.normal(11, 3, 9000)
    profile = labels_of(REGRESSION).empty(REGRESSION)
    profile.add(values, labels, np.full(9000, 5.0))
    step = 2.0**-18
    assert profile.sums[0] * step / 9000 == pytest.approx((values - labels).mean(), abs=1e-6)
    assert profile.sums[1] * step / 9000 == pytest.approx(np.abs(values - labels).mean(), abs=1e-6)
    assert profile.sums[2] * step**2 / 9000 == pytest.approx(((values - labels) ** 2).mean(), abs=1e-4)


def test_a_published_label_goes_before_the_threshold():
    profile = labels_of(BINARY).empty(BINARY)
    ones = np.ones(4)
    profile.add(np.array([0.9, 0.9, 0.1, np.nan]), ones, ones, np.array([np.nan, 0.0, 1.0, 1.0]))
    assert profile.confusion.tolist() == [3, 0, 1, 0]
    assert (profile.labels, profile.scored) == (4, 3)
    assert profile.histograms.sum() == 3


def test_the_threshold_is_the_least_positive_score():
    profile = labels_of(BINARY).empty(BINARY)
    profile.add(np.array([0.5, 0.4999]), np.array([1.0, 0.0]), np.zeros(2))
    assert profile.confusion.tolist() == [1, 0, 0, 1]


def test_calibration_bins_hold_labels_positives_and_scores():
    profile = labels_of(BINARY).empty(BINARY)
    profile.add(np.array([0.01, 0.99, 1.0]), np.array([0.0, 1.0, 0.0]), np.zeros(3))
    counts, positives, scores = profile.calibration
    assert (counts[0], counts[-1], positives[-1]) == (1, 2, 1)
    assert scores[-1] == pytest.approx(1.99 * STEPS, abs=1)


def test_lags_are_within_their_bucket():
    profile = labels_of(BINARY).empty(BINARY)
    lag_ms = np.arange(1, 1001) * 60_000.0
    profile.add(np.full(1000, 0.5), np.ones(1000), lag_ms)
    assert profile.lag_quantile_ms(0.5) == pytest.approx(500 * 60_000, rel=0.016)
    assert profile.lag_quantile_ms(0.99) == pytest.approx(990 * 60_000, rel=0.016)
    assert labels_of(BINARY).empty(BINARY).lag_quantile_ms(0.5) is None


def test_profiles_of_two_layouts_do_not_merge():
    with pytest.raises(ValueError, match="cannot merge profiles of layouts"):
        labels_of(BINARY).empty(BINARY).merge(labels_of(REGRESSION).empty(REGRESSION))


def test_the_bytes_of_a_profile_are_pinned():
    profile = profile_of([(0.25, 1.0, 60_000.0, np.nan), (0.75, 0.0, 0.0, 1.0)], BINARY)
    profile.late, profile.corrected = 2, 3
    written = msgspec.json.decode(
        msgspec.json.encode(msgspec.msgpack.decode(profile.encode(), type=LabelsCounts))
    )
    assert written == json.loads(GOLDEN.read_text())
