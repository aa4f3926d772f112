"""The part of a window's rows that was converted: how many, and where; and what is no such part."""

import numpy as np
import pytest

from watchkeeper.detectors.checks.quality.unit_part import part_of
from watchkeeper.detectors.checks.quality.units import Conversion
from watchkeeper.detectors.profiles.columns import Columns
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.schemas.references import Binning, NumberBinning

TIMES_1000 = Conversion("km to m", 1000.0, 0.0, "length")
STEP = Step(0.5, 0.8, 1.2)


def summed(values, edges=tuple(range(2, 20))):
    layout = Layout(Binning({"x": NumberBinning(tuple(map(float, edges)))}, {}, None, None))
    profile = RowsProfile.empty(layout)
    profile.add(Columns(len(values), np.array([values], float), []))
    return profile.number("x")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.98])
def test_the_share_and_the_mean_are_those_of_the_converted_rows(share):
    rng = np.random.default_rng(1)
    past, now = rng.normal(10, 2, 5000), rng.normal(10, 2, 2000)
    now[: round(share * 2000)] *= 1000
    part = part_of(summed(now), summed(past), STEP, TIMES_1000)
    assert part.share == pytest.approx(share, rel=0.05)
    assert part.usable == pytest.approx(share * 2000, rel=0.05)
    assert part.mean == pytest.approx(10_000, rel=0.05)


def test_few_rows_say_nothing():
    rng = np.random.default_rng(1)
    now = rng.normal(10, 2, 2000)
    now[:3] *= 1000
    assert part_of(summed(now), summed(rng.normal(10, 2, 5000)), STEP, TIMES_1000) is None
