"""The short window: exact, calibrated, and quick."""

import numpy as np
import pytest

from watchkeeper.detectors.multivariate.short_window import ShortWindow


def rows(n, seed, rho=0.5, d=6, memory=0.0):
    rng = np.random.default_rng(seed)
    values = np.sqrt(rho) * rng.normal(size=(n, 1)) + np.sqrt(1 - rho) * rng.normal(size=(n, d))
    for index in range(1, n if memory else 1):
        values[index] = memory * values[index - 1] + np.sqrt(1 - memory**2) * values[index]
    return values


@pytest.fixture(scope="module")
def trained():
    return ShortWindow(rows(1000, 1), arl=2000)


@pytest.fixture
def window(trained):
    trained.reset()
    return trained


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 80, 90], [64, 128], list(range(1, 150, 7))])
def test_chunks_do_not_matter(window, cuts):
    now = rows(300, 2)
    whole = window.update(now)
    window.reset()
    parts = [window.update(part) for part in np.split(now, cuts)]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_a_restored_window_goes_on_as_if_it_had_never_stopped(window):
    window.update(rows(100, 2))
    state = window.snapshot()
    after = window.update(rows(50, 3)).tolist()
    window.reset()
    assert window.restore(state).update(rows(50, 3)).tolist() == after
    assert len(state) < 63 * 9 * 8 + 100


def test_the_seed_decides_the_threshold():
    one, two, other = (ShortWindow(rows(200, 1), seed=seed).threshold for seed in (1, 1, 2))
    assert one == two != other


def test_the_first_rows_say_nothing_and_no_rows_nothing_at_all(window):
    assert window.update(rows(7, 2)).tolist() == [0] * 7
    assert window.update(np.zeros((0, 6))).shape == (0,)
    assert window.update(rows(1, 3))[0] > 0


def alarms(scores):
    """Count alarms, those within 64 rows of another as one."""
    places = np.flatnonzero(scores >= 1)
    return int(np.count_nonzero(np.diff(places, prepend=-100) > 64))


@pytest.mark.parametrize(("memory", "d"), [(0.0, 6), (0.7, 3)])
def test_false_alarms_are_as_rare_as_asked_for(memory, d):
    """Over references, also where rows depend on those before."""
    count = 0
    for seed in range(5):
        window = ShortWindow(rows(1500, seed, d=d, memory=memory), arl=2000, seed=seed)
        assert (window.block > 1) == (memory > 0)
        count += alarms(window.update(rows(12_000, 100 + seed, d=d, memory=memory)))
    assert 8 <= count <= 60  # 30 are due
    if memory:  # without blocks it would be in alarm much of the time
        window = ShortWindow(rows(1500, 1, d=d, memory=memory), arl=2000, block=1)
        assert np.mean(window.update(rows(12_000, 100, d=d, memory=memory)) >= 1) > 0.1


@pytest.mark.parametrize("name", ["correlation", "shift", "spread", "region"])
def test_an_abrupt_change_is_seen_within_dozens_of_rows(window, name):
    delays = []
    for seed in range(10):
        window.reset()
        assert window.update(rows(60, 200 + seed)).max() < 1.3
        now = rows(300, 400 + seed, rho=0.0 if name == "correlation" else 0.5)
        if name == "shift":
            now += 1.0
        elif name == "spread":
            now *= 2
        elif name == "region":
            now[::2, 0] = -now[::2, 1] * 1.5
        found = np.flatnonzero(window.update(now) >= 1)
        delays.append(int(found[0]) if len(found) else 300)
    assert np.mean(delays) < 40


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_any_value_is_taken(window, value):
    now = rows(100, 2)
    now[50:, 2] = value
    assert np.isfinite(window.update(now)).all()


@pytest.mark.parametrize(
    "reference", [rows(50, 1), rows(50, 1, d=60), np.zeros((50, 3)), np.full((50, 2), np.nan)]
)
def test_any_reference_is_taken(reference):
    window = ShortWindow(reference, arl=1000)
    assert window.threshold > 0
    assert np.isfinite(window.update(reference)).all()


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="arl must be above 64"):
        ShortWindow(rows(100, 1), arl=10)
    with pytest.raises(ValueError, match="block within"):
        ShortWindow(rows(100, 1), block=200)
