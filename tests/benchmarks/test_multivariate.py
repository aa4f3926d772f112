"""The multivariate benchmark measures what its docstring states."""

import numpy as np
import pytest

from benchmarks.multivariate import CONTESTANTS, STREAMS, _apart, _delay, columns


@pytest.mark.parametrize("change", ["correlation break", "new region"])
def test_no_column_shows_the_changes_that_are_of_many(change):
    rows = columns(20_000, 1, change)
    assert rows.mean(axis=0) == pytest.approx(np.zeros(10), abs=0.05)
    assert rows.std(axis=0) == pytest.approx(np.ones(10), abs=0.05)


def test_alarms_that_follow_each_other_are_one():
    assert _apart(np.array([], int)) == 0
    assert _apart(np.array([5, 6, 7, 300])) == 2
    assert (_delay(np.array([5, 6])), _delay(np.array([], int))) == (6, None)


def test_a_broken_correlation_is_seen_by_all_but_the_test_of_each_column():
    seen = {
        name: _delay(contestant(columns(1000, 1))(columns(400, 2, "correlation break"))) is not None
        for name, contestant in CONTESTANTS.items()
    }
    assert [name for name, saw in seen.items() if not saw] == ["KS per column, Bonferroni"]
    assert set(STREAMS) == {"10 columns", "64 of embedding"}
