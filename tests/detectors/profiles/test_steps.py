import numpy as np
import pytest

from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.steps import RECENT, ordinary_step
from watchkeeper.schemas.references import Binning, NumberBinning

LAYOUT = Layout(Binning({"a": NumberBinning()}, {}))


def windows(*samples):
    profiles = []
    for sample in samples:
        profiles.append(RowsProfile.empty(LAYOUT))
        profiles[-1].add(Columns(len(sample), np.array([sample]), []))
    return [profile.number("a") for profile in profiles]


def test_a_step_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    samples = [rng.normal(rng.normal(50, 5), 2, rng.integers(20, 60)) for _ in range(25)]
    jumps, ratios = [], []
    for i in range(3, 25):
        before = np.concatenate(samples[max(0, i - RECENT) : i])
        jumps.append(abs(samples[i].mean() - before.mean()))
        ratios.append(samples[i].std() / before.std())
    step = ordinary_step(windows(*samples))
    assert step.jump_max == pytest.approx(max(jumps), rel=1e-6)
    assert step.ratio_min == pytest.approx(min(ratios), rel=0.05)
    assert step.ratio_max == pytest.approx(max(ratios), rel=0.05)


@pytest.mark.parametrize(
    "samples",
    [[], [[1.0, 2.0]] * 3, [[]] * 30, [[1.0]] * 30, [[5.0, 5.0]] * 30],
    ids=["no windows", "three", "empty ones", "of one row", "constant"],
)
def test_what_says_nothing_gives_no_step(samples):
    assert ordinary_step(windows(*(np.array(sample, float) for sample in samples))) is None
