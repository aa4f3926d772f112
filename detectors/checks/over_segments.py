"""Controls the false discovery rate over the segments of one window."""

from collections.abc import Container, Mapping

import numpy as np
from scipy.stats import false_discovery_control

from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.checks.judgement import Judgement
from watchkeeper.schemas.findings import Check, Finding
from watchkeeper.schemas.monitors import Monitor

CONTROLLED: frozenset[Check] = frozenset({"drift", "prediction_drift"})
"""The checks whose findings are controlled over segments."""


def over_segments(
    judged: Mapping[str, Judgement], monitor: Monitor, answered: Container[str] = ()
) -> dict[str, Judgement]:
    """Drop the drift findings of segments that do not stand out among all tests of the window's segments.

    Each feature of each segment, and its output, is one of F tests. By the procedure of Benjamini and
    Yekutieli the k smallest p-values are kept, with k the largest number for which the k-th is at most
    level k / (F (1 + 1/2 + ... + 1/F)). Of the findings at most `level` is false on average, however segments
    and features depend on each other. Where nothing has drifted, that is the probability of any finding: many
    segments spend no more of the budget than one. A clear drift of one segment makes weaker evidence in
    others sufficient. This is e-BH (Wang and Ramdas, 2022) for p-values, which here are stronger than any
    e-value.

    Paper: Benjamini and Yekutieli (2001), The control of the false discovery rate in multiple testing under
    dependency. Cost: 1 ms for 50 segments of 20 features where any of them drifts, else almost nothing.

    Args:
        judged: The results of the window by segment; "" is all rows, whose findings are kept.
        monitor: The monitor, which states the level and the features.
        answered: Segments that the engine controls; their findings are kept.

    Returns:
        The results by segment, without the dropped findings.
    """
    segments = [name for name in judged if name and name not in answered]
    found = [
        (name, finding)
        for name in segments
        for finding in judged[name].findings
        if finding.check in CONTROLLED and finding.state == "bad"
    ]
    if not found:
        return dict(judged)
    tests = len(segments) * (len(monitor.features) + (monitor.model is not None))
    p_values = np.ones(tests)
    p_values[: len(found)] = [1.0 if each.p_value is None else each.p_value for _, each in found]
    stands = false_discovery_control(p_values, method="by")[: len(found)] <= level(monitor)
    dropped = [(name, each) for (name, each), stood in zip(found, stands, strict=True) if not stood]
    return {
        name: _without(each, [gone for where, gone in dropped if where == name])
        for name, each in judged.items()
    }


def _without(judged: Judgement, dropped: list[Finding]) -> Judgement:
    return judged._replace(findings=[each for each in judged.findings if each not in dropped])
