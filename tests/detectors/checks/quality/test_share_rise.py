import pytest
from scipy import stats

from tests.detectors.checks.worlds import declare
from watchkeeper.detectors.checks.quality.proportions import rise_p_value
from watchkeeper.detectors.checks.quality.share_rise import RowShare, share_rise
from watchkeeper.detectors.checks.window_case import Case
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile

MONITOR = declare()
CASE = Case(MONITOR, RowsProfile.empty(Layout.of(MONITOR, None)))


def rise(now, *pasts):
    return share_rise(CASE, "missing", "temp", "temp is missing", now, pasts)


@pytest.mark.parametrize(
    ("count", "rows", "past_count", "past_rows"),
    [
        (3, 10, 1, 10),
        (0, 10, 5, 10),
        (10, 10, 0, 10),
        (40, 400, 300, 28_000),
        (1, 30, 0, 5),
        (5000, 90_000, 4000, 90_000),
    ],
)
def test_the_p_value_is_that_of_fishers_exact_test(count, rows, past_count, past_rows):
    table = [[count, rows - count], [past_count, past_rows - past_count]]
    oracle = stats.fisher_exact(table, alternative="greater").pvalue
    assert rise_p_value(count, rows, past_count, past_rows) == pytest.approx(oracle, rel=1e-6, abs=1e-300)


def test_a_rise_beyond_chance_is_found():
    finding = rise(RowShare(40, 400), RowShare(28, 2800, "the recent windows"))
    assert finding.value == 0.1
    assert finding.threshold == pytest.approx(0.06)
    assert finding.explanation == "temp is missing in 10% of 400 rows, against 1% in the recent windows."


def test_a_rise_within_chance_is_not():
    assert rise(RowShare(6, 40), RowShare(3, 60)) is None
    assert rise(RowShare(60, 400), RowShare(30, 600)) is not None


def test_a_rise_below_the_least_effect_is_not():
    assert rise(RowShare(4000, 100_000), RowShare(0, 100_000)) is None


def test_the_share_must_be_above_every_past():
    assert rise(RowShare(40, 400), RowShare(28, 2800), RowShare(900, 9000, "the reference")) is None


def test_the_share_must_be_above_the_worst_window_of_a_past():
    assert rise(RowShare(40, 400), RowShare(28, 2800, worst=0.08)) is None
    finding = rise(RowShare(80, 400), RowShare(28, 2800, "the reference", worst=0.08))
    assert "against at most 8% in any window of the reference" in finding.explanation


def test_without_a_past_only_the_size_counts():
    assert rise(RowShare(40, 400)).p_value is None
    assert rise(RowShare(10, 400)) is None
