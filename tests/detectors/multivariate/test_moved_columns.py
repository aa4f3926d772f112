"""Which columns and segments moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from watchkeeper.detectors.multivariate.moved_columns import moved_columns, moved_segments

counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 1000), min_size=1)
tables = st.dictionaries(st.sampled_from(["one", "two", "three"]), counts, min_size=1)


@given(then=tables, now=tables)
def test_shares_are_shares_and_no_name_is_invented(then, now):
    ranked = moved_columns(then, now, parts=10)
    assert {column.name for column in ranked} == then.keys() & now.keys()
    assert all(column.divergence >= 0 for column in ranked)
    total = sum(column.share for column in ranked)
    assert total == pytest.approx(1) or total == 0
    for column in ranked:
        whole = sum(part.share for part in column.parts)
        assert whole == pytest.approx(1) or whole == 0
    assert [c.divergence for c in ranked] == sorted((c.divergence for c in ranked), reverse=True)


def test_the_divergence_is_that_of_scipy_less_what_chance_does():
    then, now = {"a": 50_000, "b": 30_000, "c": 20_000}, {"a": 20_000, "b": 30_000, "d": 50_000}
    (column,) = moved_columns({"x": then}, {"x": now})
    r, c = [0.5, 0.3, 0.2, 0], [0.2, 0.3, 0, 0.5]
    chance = 3 * (1 / 100_000 * 2) / (8 * np.log(2))
    assert column.divergence == pytest.approx(jensenshannon(r, c, base=2) ** 2 - chance)
    assert [part.name for part in column.parts] == ["d", "c", "a", "b"]


def test_what_moved_by_chance_explains_nothing():
    rng = np.random.default_rng(1)
    shares = [0.1] * 10
    then = {
        f"calm {i}": dict(zip("abcdefghij", rng.multinomial(5000, shares), strict=True)) for i in range(30)
    }
    now = {f"calm {i}": dict(zip("abcdefghij", rng.multinomial(500, shares), strict=True)) for i in range(30)}
    then["moved"], now["moved"] = {"a": 2500, "b": 2500}, {"a": 400, "b": 100}
    ranked = moved_columns(then, now)
    assert ranked[0].name == "moved"
    assert ranked[0].share > 0.7
    assert sum(column.share == 0 for column in ranked) > 10


def test_columns_without_rows_moved_nowhere():
    assert moved_columns({"x": {}}, {"x": {"a": 5}})[0].divergence == 0
    assert moved_columns({}, {}) == []
    assert moved_columns({"x": {"a": 1}}, {"y": {"a": 1}}) == []


@given(
    then=st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=3), min_size=2, max_size=4),
    seed=st.integers(0, 99),
)
def test_mix_and_segments_add_up_to_the_joint_divergence(then, seed):
    now = np.random.default_rng(seed).integers(1, 100, size=(len(then), 3))
    names = [f"s{index}" for index in range(len(then))]
    mix, segments = moved_segments(
        dict(zip(names, map(np.array, then), strict=True)), dict(zip(names, now, strict=True))
    )
    total = mix + sum(part.share for part in segments)
    assert total == pytest.approx(1) or (total == 0 and not np.any(then))


def test_a_change_of_mix_is_no_change_of_a_segment():
    then = {"a": np.array([900, 100]), "b": np.array([100, 900])}
    now = {"a": np.array([90, 10]), "b": np.array([500, 4500])}
    mix, segments = moved_segments(then, now)
    assert mix == pytest.approx(1)
    assert segments[0].share == pytest.approx(0, abs=1e-9)


def test_a_segment_that_is_new_is_a_change_of_mix():
    mix, segments = moved_segments({"a": np.array([5, 5])}, {"a": np.array([5, 5]), "b": np.array([50, 50])})
    assert mix == pytest.approx(1)
    assert {part.name for part in segments} == {"a", "b"}
