"""The engine on profiles: profiles count what was fitted, and a model that is too sure is found."""

import numpy as np
import pytest

from watchkeeper.detectors.engine.model import fit_model
from watchkeeper.detectors.engine.pane_watch import watch_of
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tasks import ERROR, TASKS, labels_of
from watchkeeper.detectors.tasks.binary import RESIDUAL, residuals
from watchkeeper.schemas.references import Binning, NumberBinning

LAYOUT = Layout(
    Binning({}, {}, NumberBinning(tuple(np.linspace(0.05, 0.95, 19).tolist())), "binary-classification")
)
MINUTE = 60_000


def labelled(rng, rows, sure=1.0):
    """Scores and labels: true for 1; above it labels are more mixed than the scores say."""
    scores = rng.beta(1, 3, rows)
    odds = np.log(scores / (1 - scores)) / sure
    return scores, (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)


def pane(scores, labels):
    profile = labels_of(LAYOUT).empty(LAYOUT)
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
    counted = TASKS["binary-classification"].tally(pane(scores, labels), RESIDUAL, residual.bins)
    assert counted.tolist() == np.bincount(codes, minlength=residual.bins.count).tolist()


@pytest.mark.parametrize(("sure", "found"), [(1.0, set()), (2.5, {RESIDUAL})])
def test_a_model_that_is_too_sure_is_found_and_one_that_is_not_is_not(model, sure, found):
    rng, watch = np.random.default_rng(3), watch_of(model, "labels", 1e4 * MINUTE, LAYOUT)
    for minute in range(200):
        watch.feed(pane(*labelled(rng, 200, sure)), minute * MINUTE, (minute + 1) * MINUTE)
    assert {ERROR, RESIDUAL} == watch.conclude().evidence.keys()
    assert found <= watch.conclude().since_ms.keys() <= ({ERROR, RESIDUAL} if found else set())


EDGES = NumberBinning(tuple(np.linspace(-2, 2, 19).tolist()))


class Rows:
    """Panes of normal features, all of one value or each of its own, and of a category."""

    def __init__(self, numbers, seed=1, alike=False, hours=0):
        self.rng, self.alike, self.hours = np.random.default_rng(seed), alike, hours
        names = [f"x{number}" for number in range(numbers)]
        self.layout = Layout(Binning(dict.fromkeys(names, EDGES), {"sky": ("clear", "rain")}, None, None))

    def columns(self, rows, moved=0.0, missing=0.0, snow=0.0, first_hour=0.0):
        count = len(self.layout.numeric)
        values = self.rng.normal(size=(1 if self.alike else count, rows))
        values = np.repeat(values, count, axis=0) if self.alike else values
        if self.hours:
            values += 2 * np.sin(2 * np.pi * (first_hour + np.arange(rows) / self.hours) / 24)
        values += np.atleast_1d(moved)[:, None]
        values[:, self.rng.random(rows) < missing] = np.nan
        sky = self.rng.choice(["clear", "rain", "snow"], rows, p=[0.5 - snow, 0.5, snow]).tolist()
        return Columns(rows, values, [sky])

    def watch(self, rows=5000, minutes=1e5):
        columns = self.columns(rows)
        times_ms = np.arange(rows) * 60.0 * MINUTE / self.hours if self.hours else None
        return watch_of(
            fit_model(self.layout, columns, times_ms, None), "rows", minutes * MINUTE, self.layout
        )

    def feed(self, watch, panes, start=0, rows=50, span=MINUTE, **changes):
        for number in range(start, start + panes):
            profile = RowsProfile.empty(self.layout)
            profile.add(self.columns(rows, first_hour=number * span / MINUTE / 60, **changes))
            watch.feed(profile, number * span, (number + 1) * span)
        return watch.conclude()


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("change", [{"moved": 1.0}, {"missing": 0.4}])
def test_a_change_that_many_features_share_is_found_in_each(change, alike):
    rows = Rows(25, alike=alike)
    watch = rows.watch()
    assert not rows.feed(watch, 20).since_ms
    assert rows.feed(watch, 60, start=20, rows=500, **change).since_ms.keys() >= set(rows.layout.numeric)


def test_after_an_alarm_a_new_search_starts_for_the_other_features():
    rows = Rows(2)
    watch = rows.watch()
    found = rows.feed(watch, 1, moved=[3.0, 0.25], rows=400)
    assert found.since_ms.keys() == {"x0"}
    assert found.evidence["x1"] > 100 * rows.feed(watch, 1, start=1, rows=1).evidence["x1"]


def test_categories_that_the_reference_does_not_have_are_counted():
    rows = Rows(1)
    watch = rows.watch()
    assert rows.feed(watch, 40, snow=0.1).since_ms.keys() == {"sky"}


def test_the_season_of_the_reference_is_not_a_change():
    rows = Rows(1, hours=60)  # a row a minute
    watch = rows.watch(rows=28 * 24 * 60)
    assert not rows.feed(watch, 7 * 24 * 4, rows=15, span=15 * MINUTE).since_ms
    found = rows.feed(watch, 24 * 4, start=7 * 24 * 4, rows=15, span=15 * MINUTE, moved=1.5)
    assert found.since_ms.keys() == {"x0"}


def test_weights_are_shares_of_one_budget():
    scores, labels = labelled(np.random.default_rng(1), 20_000)
    columns = Columns(len(scores), np.empty((0, len(scores))), [], scores=scores)
    fitted = fit_model(LAYOUT, columns, None, labels)
    rows = Rows(5)
    for channels in (fitted.labels, fitted.rows, fit_model(rows.layout, rows.columns(5000), None, None).rows):
        assert 0.8 < sum(each.weight for each in channels) < 1 + 1e-9
