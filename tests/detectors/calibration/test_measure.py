"""Detectors on a user's own history, with known faults put into it."""

import numpy as np
import pytest

from watchkeeper.detectors.calibration.contestants import ALWAYS, ENGINE, NEVER
from watchkeeper.detectors.calibration.injection import KINDS, columns_for, inject
from watchkeeper.detectors.calibration.measure import Calibration, calibrate, interval
from watchkeeper.detectors.tables.table import Table

ROWS = 6000


def history(seed: int = 3, rows: int = ROWS) -> Table:
    rng = np.random.default_rng(seed)
    amount = rng.normal(50, 10, rows)
    country = rng.choice(["NL", "DE", "FR"], rows).tolist()
    return Table(rows, {"amount": amount, "double": 2 * amount + rng.normal(0, 1, rows), "country": country})


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(
        history(), 1.0, 20_000, detectors=[ENGINE, "e_sr", "adwin", ALWAYS, NEVER], repetitions=3, seed=5
    )


def test_the_engine_keeps_its_budget_and_finds_what_is_large(found: Calibration) -> None:
    alarms = {each.detector: each for each in found.false_alarms}
    assert alarms[ENGINE].alarms == 0
    large = {("mean", 1.0), ("unit", 1000.0), ("missing", 0.5), ("new category", 0.5), ("correlation", 1.0)}
    for each in found.delays:
        if each.detector == ENGINE and (each.kind, each.size) in large:
            assert each.miss_rate == 0, each
            assert each.delay_mean < 600, each


def test_dummies_show_what_figures_are_worth_nothing(found: Calibration) -> None:
    alarms = {each.detector: each for each in found.false_alarms}
    assert (alarms[ALWAYS].alarms, alarms[NEVER].alarms) == (ROWS // 2, 0)
    assert {(e.delay_mean, e.miss_rate) for e in found.delays if e.detector == ALWAYS} == {(1.0, 0.0)}
    assert {(e.delay_mean, e.miss_rate) for e in found.delays if e.detector == NEVER} == {(found.limit, 1.0)}
    assert alarms[ALWAYS].judgement == "over budget"


def test_every_kind_and_size_is_tried_on_every_detector(found: Calibration) -> None:
    tried = {(each.detector, each.kind, each.size) for each in found.delays}
    assert len(tried) == len(found.delays) == 5 * sum(len(kind.sizes) for kind in KINDS.values())


def test_a_detector_of_single_columns_does_not_see_a_correlation_break(found: Calibration) -> None:
    missed = {e.detector: e.miss_rate for e in found.delays if (e.kind, e.size) == ("correlation", 1.0)}
    assert missed["e_sr"] > missed[ENGINE] == 0


def test_the_same_seed_gives_the_same_figures() -> None:
    once, again = (
        calibrate(history(rows=3000), 1.0, 20_000, detectors=[ENGINE], repetitions=1, seed=7)
        for _ in range(2)
    )
    assert once == again


def test_a_short_history_is_refused() -> None:
    with pytest.raises(ValueError, match="it has 100 rows; calibration needs at least 2000"):
        calibrate(history(rows=100), 1.0, 1000, detectors=[NEVER])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_changes_its_column_from_its_row_on_and_nothing_else(kind: str) -> None:
    rows = history(rows=1000)
    column = columns_for(kind, rows)[0]
    changed = inject(rows, 400, column, kind, KINDS[kind].sizes[0], rows, np.random.default_rng(1))
    for name, cells in rows.columns.items():
        assert list(changed.columns[name][:400]) == list(cells[:400])
        assert (list(changed.columns[name][400:]) == list(cells[400:])) == (name != column)


def test_a_new_shape_and_a_broken_correlation_keep_mean_and_spread() -> None:
    rows = history()
    for kind in ("shape", "correlation"):
        changed = inject(rows, 0, "amount", kind, 1.0, rows, np.random.default_rng(1)).columns["amount"]
        known = rows.columns["amount"]
        assert np.mean(changed) == pytest.approx(np.mean(known), abs=0.5)  # type: ignore[arg-type]
        assert np.std(changed) == pytest.approx(np.std(known), rel=0.03)  # type: ignore[arg-type]


def test_the_interval_is_that_of_published_tables() -> None:
    assert interval(3) == (pytest.approx(0.619, abs=1e-3), pytest.approx(8.767, abs=1e-3))
