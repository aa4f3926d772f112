"""Many segments cost no more of the budget than one."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.checks.judgement import Judgement
from watchkeeper.detectors.checks.over_segments import over_segments
from watchkeeper.schemas.findings import Finding
from watchkeeper.schemas.monitors import Monitor

FEATURES = [f"x{i}" for i in range(4)]
MONITOR = Monitor.model_validate(
    {
        "feature_view": "v", "owner": {"team": "t"},
        "features": {name: {"type": "number"} for name in FEATURES},
        "sensitivity": {"p_value": 0.01},
    }
)  # fmt: skip


def judged(p_values):
    """Findings of drift as one segment's judge makes them: below its own level, shared over features."""
    return Judgement(
        [],
        [
            Finding(check="drift", state="bad", explanation="", feature=name, p_value=p)
            for name, p in zip(FEATURES, p_values, strict=True)
            if p <= level(MONITOR) / len(FEATURES)
        ],
        ["drift"],
    )


def kept(of):
    return {(name, each.feature) for name, one in of.items() for each in one.findings}


def test_healthy_segments_drift_no_more_often_than_the_level_says():
    rng, alone, together = np.random.default_rng(5), 0, 0
    for _ in range(2000):
        of = {f"s{i}": judged(rng.random(4)) for i in range(50)}
        alone += bool(kept(of))
        together += bool(kept(over_segments(of, MONITOR)))
    assert alone > 600  # 50 segments, each at its own level: 40 % of windows say that something drifted
    assert together <= 2000 * 0.01


def test_what_stands_out_among_all_is_kept_and_lets_the_less_sure_count():
    healthy = {f"s{i}": judged([0.5] * 4) for i in range(18)}
    sure, less = judged([1e-12, 1e-9, 1e-10, 0.5]), judged([1e-4, 0.5, 0.5, 0.5])
    assert kept(over_segments({**healthy, "a": less}, MONITOR)) == set()
    found = kept(over_segments({**healthy, "a": less, "b": sure, "c": sure}, MONITOR))
    assert found == {("a", "x0"), *(("bc"[i], name) for i in (0, 1) for name in FEATURES[:3])}
    p_values = [1e-4, *[1e-12, 1e-9, 1e-10] * 2, *[1.0] * 77]
    assert (false_discovery_control(p_values, method="by") <= 0.01).sum() == len(found)


@pytest.mark.parametrize("check", ["missing", "performance"])
def test_other_findings_and_those_of_all_rows_are_left_alone(check):
    bad = Finding(check="drift", state="bad", explanation="", feature="x0", p_value=2e-3)
    other = Finding(check=check, state="bad", explanation="", feature="x1", p_value=0.5)
    few = Finding(check="drift", state="no_data", explanation="")
    of = {"": Judgement([], [bad], []), "a": Judgement([], [bad, other, few], [])}
    assert over_segments(of, MONITOR) == {"": of[""], "a": Judgement([], [other, few], [])}
