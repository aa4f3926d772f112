"""Rows of mixed columns as floats."""

import numpy as np
import pytest

from watchkeeper.detectors.multivariate.encode import Encoder
from watchkeeper.detectors.multivariate.mahalanobis import Mahalanobis


def table(n, seed, shares=(0.6, 0.3, 0.1)):
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.lognormal(size=n),
        "country": rng.choice(["NL", "DE", "FR"], size=n, p=shares).tolist(),
        "constant": ["x"] * n,
    }


def test_floats_are_on_one_scale():
    encoder = Encoder.of(table(5000, 1))
    rows = encoder.rows(table(5000, 2))
    assert encoder.names == ["amount", "country=DE", "country=FR", "country=other", "constant=other"]
    assert encoder.sources == ["amount", "country", "country", "country", "constant"]
    assert rows.std(axis=0) == pytest.approx([1, 1, 1, 0, 0], abs=0.2)


def test_a_level_that_was_never_there_is_another():
    encoder = Encoder.of(table(500, 1))
    new = {"amount": np.array([1.0]), "country": ["US"], "constant": ["y"]}
    assert encoder.rows(new)[0, 1:].tolist() == [0, 0, 20, 20]


def test_missing_values_are_the_most_ordinary_ones():
    encoder = Encoder.of(table(500, 1))
    nothing = {"amount": np.array([np.nan]), "country": [None], "constant": [None]}
    assert encoder.rows(nothing).tolist() == [[0.0] * 5]


def test_rare_levels_are_one():
    levels = [f"level {index % 300}" for index in range(3000)] + ["often"] * 3000
    encoder = Encoder.of({"name": levels})
    assert encoder.names == ["name=other"]
    assert len(Encoder.of({"name": levels[:300] * 2 + list("ab") * 300}).names) == 2


def test_no_more_levels_than_asked_for():
    cells = [str(index % 50) for index in range(5000)]
    assert len(Encoder.of({"name": cells}).names) == 10
    assert len(Encoder.of({"name": cells}, levels=30).names) == 30


@pytest.mark.parametrize("cells", [[None] * 20, [None] * 19 + ["a"]])
def test_a_category_of_nothing_is_one_constant_column(cells):
    encoder = Encoder.of({"name": cells})
    assert encoder.rows({"name": cells}).tolist() == [[0.0]] * 20


def test_columns_are_taken_by_name():
    encoder = Encoder.of(table(500, 1))
    now = table(5, 2)
    turned = {"extra": np.zeros(5), **dict(reversed(now.items()))}
    assert encoder.rows(turned).tolist() == encoder.rows(now).tolist()


def test_a_column_that_is_not_there_is_refused():
    encoder = Encoder.of(table(500, 1))
    with pytest.raises(ValueError, match="lack the column 'amount'"):
        encoder.rows({"country": ["NL"], "constant": ["x"]})


@pytest.mark.parametrize("nothing", [{}, {"a": []}])
def test_a_table_of_nothing_is_refused(nothing):
    with pytest.raises(ValueError, match="at least"):
        Encoder.of(nothing)


def test_a_break_between_a_number_and_a_category_is_found():
    rng = np.random.default_rng(3)

    def rows(n, broken=False):
        kind = rng.choice(["car", "bike"], size=n)
        speed = np.where(kind == "car", 100.0, 20.0) + rng.normal(size=n) * 8
        return {"speed": speed, "kind": (rng.permutation(kind) if broken else kind).tolist()}

    encoder = Encoder.of(reference := rows(2000))
    score = Mahalanobis()
    known = score.fit_scores(encoder.rows(reference))
    assert np.mean(score.scores(encoder.rows(rows(500))) > np.quantile(known, 0.99)) < 0.03
    assert np.mean(score.scores(encoder.rows(rows(500, broken=True))) > known.max()) > 0.4
