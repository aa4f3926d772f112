"""Faults of the model's own output are named, with and without a reference; what is only like them is not."""

import numpy as np
import pytest

from tests.detectors.checks.quality.test_causes import NOW, only, some
from tests.detectors.checks.worlds import World, day, declare
from watchkeeper.schemas.findings import OUTPUT_CHECKS


@pytest.fixture(scope="module", params=[True, False], ids=["reference", "no reference"])
def world(request):
    return World(reference=request.param)


@pytest.mark.parametrize("share", [0.1, 1 / 3, 1.0])
def test_a_missing_output_is_named(world, share):
    finding = only(world.faults(day(NOW, scores=some(share, np.nan))), "prediction_missing")
    assert "The score is missing" in finding.explanation


def test_a_rise_below_the_limit_is_no_fault(world):
    assert world.faults(day(NOW, scores=some(0.02, np.nan))) == []


def test_an_output_of_a_wrong_type_is_named(world):
    def as_text(columns):
        columns.scores = some(0.25, np.nan)(columns.scores)
        columns.wrong_type = np.zeros((8, columns.rows), dtype=bool)
        columns.wrong_type[7, ::4] = True
        return columns

    finding = only(world.faults(day(NOW, columns=as_text)), "prediction_wrong_type")
    assert "The score is not a number" in finding.explanation


def test_an_output_out_of_range_is_named(world):
    finding = only(world.faults(day(NOW, scores=lambda x: 100 * x)), "prediction_out_of_range")
    assert finding.evidence["highest"] > 1


def test_a_stuck_output_is_named(world):
    finding = only(world.faults(day(NOW, scores=lambda x: np.full(len(x), 0.5))), "prediction_stuck")
    assert "The score has the value 0.5 in all 400 rows" in finding.explanation


def test_a_stuck_output_out_of_range_is_one_fault(world):
    only(world.faults(day(NOW, scores=lambda x: np.full(len(x), -1.0))), "prediction_out_of_range")


def test_an_output_that_was_constant_in_healthy_windows_is_not_stuck():
    steady = World(changes={"scores": lambda x: np.full(len(x), round(x[0], 1))})
    assert steady.faults(day(NOW, scores=lambda x: np.full(len(x), 0.5))) == []


def test_the_first_window_of_a_model_that_has_no_past_is_judged():
    new = World(declare(reference=None), reference=False, recent=0)
    only(new.faults(day(NOW, scores=lambda x: np.full(len(x), np.nan))), "prediction_missing")


def test_a_model_that_answers_with_labels_only_is_healthy():
    def labelled(columns):
        columns.labelled = np.ones(columns.rows, dtype=bool)
        return columns

    new = World(declare(reference=None), reference=False, recent=0)
    no_score = {"scores": lambda x: np.full(len(x), np.nan), "columns": labelled}
    assert new.faults(day(NOW, **no_score)) == []


def test_a_feature_view_has_no_output_to_judge():
    view = declare(model=None, feature_view="delays", task=None, labels=None)
    judged = World(view).judge(day(NOW))
    assert not set(OUTPUT_CHECKS) & set(judged.checked)
