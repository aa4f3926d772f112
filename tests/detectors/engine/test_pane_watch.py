"""The engine on profiles: what is counted is what was fitted, and a model that is too sure is found."""

import numpy as np
import pytest

from detectors.columns import Columns
from detectors.engine.model import ERROR, RESIDUAL, fit_model, residuals
from detectors.engine.pane_watch import _of_residuals, watch_of
from detectors.labels_profile import LabelsProfile
from detectors.layout import Layout
from schemas.references import Binning, NumberBins

LAYOUT = Layout(
    Binning({}, {}, NumberBins(tuple(np.linspace(0.05, 0.95, 19).tolist())), "binary-classification")
)
MINUTE = 60_000


def labelled(rng, rows, sure=1.0):
    """Scores and labels: true for 1; above it labels are more mixed than the scores say."""
    scores = rng.beta(1, 3, rows)
    odds = np.log(scores / (1 - scores)) / sure
    return scores, (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)


def pane(scores, labels):
    profile = LabelsProfile.empty(LAYOUT)
    profile.add(scores, labels, np.zeros(len(scores)))
    return profile


@pytest.fixture(scope="module")
def model():
    scores, labels = labelled(np.random.default_rng(1), 20_000)
    columns = Columns(len(scores), np.empty((0, len(scores))), [], scores=scores)
    return fit_model(LAYOUT, columns, None, labels)


def test_residuals_are_counted_from_a_profile_as_they_were_fitted(model):
    scores, labels = labelled(np.random.default_rng(2), 5000)
    [residual] = [each for each in model.labels if each.name == RESIDUAL]
    codes = residual.bins.codes(residuals(scores, labels))
    counted = _of_residuals(pane(scores, labels), residual.bins)
    assert counted.tolist() == np.bincount(codes, minlength=residual.bins.count).tolist()


@pytest.mark.parametrize(("sure", "found"), [(1.0, set()), (2.5, {RESIDUAL})])
def test_a_model_that_is_too_sure_is_found_and_one_that_is_not_is_not(model, sure, found):
    rng, watch = np.random.default_rng(3), watch_of(model, "labels", 1e4 * MINUTE, LAYOUT)
    for minute in range(200):
        watch.feed(pane(*labelled(rng, 200, sure)), minute * MINUTE, (minute + 1) * MINUTE)
    assert {ERROR, RESIDUAL} == watch.conclude().evidence.keys()
    assert found <= watch.conclude().since_ms.keys() <= ({ERROR, RESIDUAL} if found else set())
