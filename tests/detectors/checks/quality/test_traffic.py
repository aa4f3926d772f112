"""Traffic: lost or doubled rows are told soon, and healthy streams of many kinds raise few alarms."""

import msgspec
import numpy as np
import pytest

from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.checks.quality.season import DAY_MS, HOUR_MS
from watchkeeper.detectors.checks.quality.traffic import WARM_UP, Rate
from watchkeeper.schemas.monitors import Monitor

KINDS = [
    "plain", "large", "small", "tiny", "day", "night", "week", "day week", "growth", "day week growth",
    "uneven", "uneven day", "bursts", "bursts day", "wandering",
]  # fmt: skip


def rows(kind, seed, windows, size_ms=HOUR_MS):
    """Draw the rows of consecutive windows of a healthy service."""
    rng, hours = np.random.default_rng(seed), np.arange(windows) * size_ms / HOUR_MS
    rate = np.full(windows, {"tiny": 0.4, "small": 8.0, "large": 5000.0}.get(kind, 300.0))
    factors = {
        "day": lambda: np.exp(np.sin(2 * np.pi * hours / 24)),
        "night": lambda: np.where(hours % 24 < 7, 0.05, 1.0),
        "week": lambda: np.where(hours // 24 % 7 >= 5, 0.3, 1.0),
        "growth": lambda: np.exp(0.01 * hours / 24),
        "uneven": lambda: rng.lognormal(0, 0.25, windows),
        "bursts": lambda: np.where(rng.random(windows) < 0.04, 3.0, 1.0),
        "wandering": lambda: np.exp(wandering(rng, windows)),
    }
    for word in kind.split():
        rate = rate * factors.get(word, lambda: 1.0)()
    return rng.poisson(rate).tolist()


def wandering(rng, windows):
    at, path = 0.0, []
    for step in rng.normal(0, 0.08, windows):
        at = 0.9 * at + step
        path.append(at)
    return np.array(path)


def limit(size_ms):
    size = {HOUR_MS: "PT1H", DAY_MS: "P1D"}[size_ms]
    features = {"x": {"type": "number"}}
    windows = {"size": size, "pane": "PT1H"}
    view = {"feature_view": "v", "owner": {"team": "t"}, "features": features, "windows": windows}
    return 1 / level(Monitor.model_validate(view))


def bad(counts, size_ms=HOUR_MS, rate=None):
    """Return the positions of bad windows."""
    rate, most = rate or Rate(), limit(size_ms)
    judged = [rate.judge(at * size_ms, size_ms, int(n), most) for at, n in enumerate(counts)]
    return [at for at, expected in enumerate(judged) if expected is not None]


def alarms(positions):
    """Count the beginnings of bad spans."""
    return sum(at - 1 not in positions for at in positions)


@pytest.mark.parametrize("kind", KINDS)
def test_healthy_streams_stay_within_the_budget(kind):
    days, streams = 60, 3
    found = [alarms(bad(rows(kind, seed, 24 * days))) for seed in range(streams)]
    assert sum(found) <= streams * days / 30


@pytest.mark.parametrize("kind", ["plain", "large", "day", "day week", "growth"])
@pytest.mark.parametrize(("factor", "windows"), [(0.5, 4), (0.1, 3), (2.0, 4)])
def test_a_change_that_begins_in_mid_window_is_told_soon(kind, factor, windows):
    late = []
    for seed in range(3):
        counts, begins = np.array(rows(kind, seed, 20 * 24 + 12), float), 20 * 24
        counts[begins] *= (1 + factor) / 2
        counts[begins + 1 :] *= factor
        found = [at for at in bad(counts) if at >= begins]
        late.append(found[0] - begins)
    assert np.median(late) <= windows


def test_a_loss_of_half_is_told_by_the_second_whole_window():
    counts = [*rows("plain", 1, 100), 225, *(n // 2 for n in rows("plain", 2, 20))]
    assert bad(counts)[0] <= 102


@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0])
def test_a_change_never_becomes_normal_by_itself(factor):
    before = rows("plain", 1, 40)
    after = [round(n * factor) for n in rows("plain", 2, 400)]
    found = bad([*before, round(300 * (1 + factor) / 2), *after])
    assert set(range(45, 441)) <= set(found)


def test_what_is_accepted_is_normal_and_the_season_stays():
    rate, counts, last = Rate(), rows("day", 1, 24 * 15), 0
    assert bad(counts, rate=rate) == []
    for at, n in enumerate(rows("day", 2, 24 * 6), 24 * 15):
        if at == 24 * 15 + 10:
            rate.accept((at - 1) * HOUR_MS, HOUR_MS, last)
        last = n // 2
        found = rate.judge(at * HOUR_MS, HOUR_MS, last, limit(HOUR_MS))
        assert found is None or at < 24 * 15 + 10


def test_the_first_windows_are_only_learned():
    assert bad([1000] * 4 + [10] * (WARM_UP - 4)) == []


def test_the_first_weekend_is_told_at_most_once():
    assert alarms(bad(rows("week", 3, 24 * 7 * 6))) <= 1


def test_days_are_judged_too():
    counts = rows("week", 1, 100, DAY_MS)
    assert bad(counts, DAY_MS) == []
    assert bad([*counts, *(n // 10 for n in rows("week", 2, 10, DAY_MS))], DAY_MS)[0] <= 104


def test_the_state_is_bounded():
    rate = Rate()
    bad(rows("uneven day week", 1, 24 * 60), rate=rate)
    assert len(msgspec.msgpack.encode(rate)) < 4000
