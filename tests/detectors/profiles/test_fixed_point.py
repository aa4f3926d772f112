import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.detectors.profiles import fixed_point

steps = st.one_of(
    st.integers(-(2**21), 2**21), st.integers(-(2**41), 2**41), st.sampled_from([2**62, -(2**62), 2**40, 0])
)


@given(values=st.lists(steps, min_size=1, max_size=60))
def test_sums_are_those_of_integers(values):
    row = np.array(values, float)
    exact = [int(value) for value in row.tolist()]
    assert fixed_point.exact_sums(row[None]) == ([sum(exact)], [sum(value * value for value in exact)])


def test_the_largest_batch_of_the_largest_fast_values_is_exact():
    row = np.full((1, fixed_point.ROWS_MAX), 2.0**40 - 1)
    total, squares = fixed_point.exact_sums(row)
    assert total == [fixed_point.ROWS_MAX * (2**40 - 1)]
    assert squares == [fixed_point.ROWS_MAX * (2**40 - 1) ** 2]


@pytest.mark.parametrize("spread", [1e-300, 1e-9, 0.5, 1.0, 3.0, 1e9, 1e300])
def test_a_spread_is_about_a_million_steps(spread):
    exponent = fixed_point.grid_exponent(spread)
    if abs(exponent) < 900:
        assert 2**19 <= spread * 2.0**exponent <= 2**20


@given(st.integers())
def test_integers_of_any_size_read_back(number):
    assert fixed_point.unpack(fixed_point.pack(number)) == number


def test_moments_are_those_of_numpy():
    values = np.random.default_rng(0).normal(1e6, 3.0, 4000)
    exponent = fixed_point.grid_exponent(3.0)
    (total,), (squares,) = fixed_point.exact_sums(fixed_point.to_grid(values[None], 1e6, 2.0**exponent))
    assert fixed_point.mean(4000, total, 1e6, exponent) == pytest.approx(values.mean(), rel=1e-12)
    assert fixed_point.deviation(4000, total, squares, exponent) == pytest.approx(
        values.std(ddof=1), rel=1e-6
    )
