"""Columns of vectors are read from whatever people have them in, and changes of where they lie are found."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from watchkeeper.detectors import Sentinel
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.sentinel.landmarks import Landmarks
from watchkeeper.detectors.tables import table, vectors

DIMENSIONS = 32
TOPICS = np.random.default_rng(7).normal(size=(6, DIMENSIONS))


def texts(seed: int, rows: int, topics: int = 5, missing: float = 0.0) -> Floats:
    """Embeddings of texts on some topics."""
    rng = np.random.default_rng(seed)
    found = TOPICS[rng.integers(0, topics, rows)] + 0.7 * rng.normal(size=(rows, DIMENSIONS))
    found[rng.random(rows) < missing] = np.nan
    return found


def listed(matrix: Floats) -> list[list[float]]:
    return matrix.tolist()


FORMS: dict[str, Callable[[Floats], Any]] = {
    "a matrix in a dict": lambda m: {"text": m},
    "lists in a dict": lambda m: {"text": listed(m)},
    "arrays in a dict": lambda m: {"text": list(m)},
    "rows": lambda m: [{"text": each} for each in listed(m)],
    "pandas": lambda m: pd.DataFrame({"text": listed(m)}),
    "polars": lambda m: pl.DataFrame({"text": listed(m)}),
    "polars, fixed": lambda m: pl.DataFrame({"text": m}, schema={"text": pl.Array(pl.Float64, DIMENSIONS)}),
    "pyarrow": lambda m: pa.table({"text": listed(m)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_is_read_from_every_form(form: str) -> None:
    matrix = texts(1, 5)
    given = FORMS[form](matrix)
    assert np.asarray(table.read(given).columns["text"]).tolist() == matrix.tolist()
    assert np.asarray(table.read(given, like={"text": "vector"}).columns["text"]).tolist() == matrix.tolist()


@pytest.mark.parametrize(
    "column",
    [["a", "b"], [["a", "b"], ["c", "d"]], [[1, 2], [3]], [[1, 2], "NL"], [[1], [2]], [1, 2], [None, None]],
    ids=str,
)
def test_what_is_no_column_of_vectors_is_none(column: list[Any]) -> None:
    array = np.empty(len(column), object)
    array[:] = column
    assert vectors.read(array) is None


def test_a_vector_of_another_length_or_of_texts_is_missing_later() -> None:
    sentinel = Sentinel.fit({"text": texts(1, 1000)})
    strange = [[1.0, 2.0], None, ["a"] * DIMENSIONS, "NL", 3.0, [[1.0]], *listed(texts(2, 2))]
    assert sentinel.update({"text": strange}) == []
    assert sentinel.update({"text": [[1.0, 2.0]] * 8}) == []
    assert sentinel.update({"text": ["NL"] * 8}) == []
    assert sentinel.rows == 24


def test_a_new_topic_is_found_and_nothing_else() -> None:
    sentinel = Sentinel.fit({"text": texts(1, 5000), "amount": np.random.default_rng(1).normal(size=5000)})
    rng = np.random.default_rng(2)
    assert sentinel.update({"text": texts(2, 10_000), "amount": rng.normal(size=10_000)}) == []
    mixed = texts(3, 3000, topics=6)
    [alarm] = sentinel.update({"text": mixed, "amount": rng.normal(size=3000)})
    assert alarm.column.startswith("text: distance from")
    assert 10_000 < alarm.row < 10_800


def test_vectors_that_turn_in_place_are_found_though_no_distance_from_the_middle_changes() -> None:
    sentinel = Sentinel.fit({"text": texts(1, 5000)})
    turned = texts(2, 4000)[:, np.random.default_rng(4).permutation(DIMENSIONS)]
    assert sentinel.update({"text": turned})[0].row < 500


def test_missing_vectors_are_found_as_missing() -> None:
    sentinel = Sentinel.fit({"text": texts(1, 3000, missing=0.01)})
    [alarm] = sentinel.update({"text": texts(2, 600, missing=0.3)})
    assert alarm.moved[0].move == "share of missing values"


def test_one_row_at_a_time_and_saved_in_between_is_as_all_at_once() -> None:
    rows = texts(3, 400, topics=6)
    whole = Sentinel.fit({"text": texts(1, 2000)}, per=1000)
    parts = Sentinel.load(Sentinel.fit({"text": texts(1, 2000)}, per=1000).save())
    at_once = whole.update({"text": rows})
    one_by_one = []
    for number, row in enumerate(listed(rows)):
        one_by_one += parts.update({"text": row})
        if number == 133:
            parts = Sentinel.load(parts.save())
    assert at_once
    assert [each.row for each in at_once] == [each.row for each in one_by_one]


def test_few_vectors_again_and_again_are_as_far_away_however_rows_are_cut() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        distinct = rng.normal(size=(5, 64))
        rows = distinct[rng.integers(0, 5, 400)]
        landmarks = Landmarks.of("text", rows)
        one_by_one = np.vstack([landmarks.distances(row[None]) for row in rows])
        assert np.array_equal(landmarks.distances(rows), one_by_one)


def test_no_rows_of_vectors_are_no_rows() -> None:
    sentinel = Sentinel.fit({"text": texts(1, 1000), "amount": np.arange(1000.0) % 7})
    assert sentinel.update({"text": [], "amount": []}) == []
    assert sentinel.rows == 0


def test_constant_and_wild_vectors_are_survived() -> None:
    constant = Landmarks.of("text", np.ones((100, 3)))
    assert len(constant.names) == 2
    assert np.isfinite(constant.distances(np.array([[np.inf, -np.inf, 1e300]]))).all()
    nowhere = Landmarks.of("text", np.full((100, 3), np.nan))
    assert nowhere.names == ["text: distance from the middle"]


def test_landmarks_share_the_budget_of_one_column() -> None:
    rng = np.random.default_rng(1)
    sentinel = Sentinel.fit({"text": texts(1, 1000), "amount": rng.normal(size=1000)})
    weights = {"text": 0.0, "amount": 0.0}
    for channel in sentinel.channels:
        weights[channel.name.partition(":")[0]] += channel.weight
    assert weights["text"] == pytest.approx(weights["amount"], rel=0.2)
