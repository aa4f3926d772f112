"""Judges one closed window: the statistics and findings of all rows and of each segment."""

from collections.abc import Container, Mapping
from typing import NamedTuple

import msgspec

from watchkeeper.detectors.checks.judge_rows import Judgement, judge_labels, judge_rows
from watchkeeper.detectors.checks.over_segments import over_segments
from watchkeeper.detectors.online.signals import SignalName
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.findings import QUALITY_CHECKS, Check, Finding, Kind
from watchkeeper.schemas.statistics import Statistic
from watchkeeper.streams.evaluate.merging import merged
from watchkeeper.streams.evaluate.recent import Recent
from watchkeeper.streams.evaluate.window_rules import WindowRules
from watchkeeper.streams.evaluate.windows import ALL, ClosedWindow

SEGMENTS_MAX = 50
"""The most segments of a window that are judged: the largest. Chosen by hand; it bounds the time and the
statistics of a window."""
SERVING: frozenset[Check] = frozenset({"latency", "duplicates"})
"""The checks of how events are served, which have the recent windows alone for a baseline."""
DRIFT: frozenset[Check] = frozenset({"drift", "prediction_drift"})
"""The checks of drift."""
_SIGNALS: Mapping[Check, str] = {
    "drift": "mean", "missing": "missing", "prediction_drift": "output", "performance": "error",
}  # fmt: skip
"""Check -> the detectors' signal that shows its fault."""


class WindowJudgement(NamedTuple):
    """The judgement on one window, by segment."""

    judged: dict[str, Judgement]
    """Segment -> its statistics and findings."""
    profiles: dict[str, RowsProfile]
    """Segment -> the merged profile of its rows; empty for labels."""

    @property
    def findings(self) -> list[Finding]:
        """The findings of all segments."""
        return [finding for judged in self.judged.values() for finding in judged.findings]

    @property
    def checked(self) -> list[Check]:
        """The checks that were made in any segment, each once."""
        return list(dict.fromkeys(check for judged in self.judged.values() for check in judged.checked))

    @property
    def broken(self) -> set[str]:
        """The segments with broken data."""
        return self._bad(frozenset(QUALITY_CHECKS) - SERVING)

    @property
    def unusual_traffic(self) -> set[str]:
        """The segments that are served in another way than before."""
        return self._bad(SERVING)

    @property
    def drifting(self) -> set[str]:
        """The segments that drifted, or that have more broken values than any past window."""
        return self._bad(DRIFT) | {segment for segment, judged in self.judged.items() if judged.rising}

    def _bad(self, checks: frozenset[Check]) -> set[str]:
        bad = (each for each in self.findings if each.state == "bad" and each.check in checks)
        return {finding.segment or ALL for finding in bad}


def chosen(closed: ClosedWindow) -> list[str]:
    """Return all rows and the largest segments, in an order that does not depend on their arrival."""
    segments = sorted(
        (name for name in closed.parts if name != ALL), key=lambda n: (-closed.parts[n].rows, n)
    )
    return [ALL, *segments[:SEGMENTS_MAX]]


def judge_window(
    kind: Kind, layout: Layout, rules: WindowRules, closed: ClosedWindow, late_rows: int, recent: Recent,
    moved: Mapping[str, Container[str]] = {},
) -> WindowJudgement:  # fmt: skip
    """Judge a closed window.

    Args:
        kind: What the window holds.
        layout: The layout of its profiles.
        rules: The rules that were in force.
        closed: The window.
        late_rows: Rows that arrived too late for their window. They are counted in this one.
        recent: The recent windows.
        moved: The features whose change the engine is sure of, for each segment that has an engine.
    """
    judgement = WindowJudgement({}, {})
    for segment in chosen(closed):
        encoded = closed.parts[segment].profiles if segment in closed.parts else []
        late = late_rows if segment == ALL else 0
        if kind == "labels":
            labels = merged(labels_of(layout), encoded, layout)
            labels.late += late
            judged = judge_labels(rules.monitor, layout, rules.reference, labels, segment or None)
        else:
            rows = merged(RowsProfile, encoded, layout)
            rows.late += late
            past = recent.profile(segment, layout)
            sure = moved.get(segment)
            judged = judge_rows(rules.monitor, layout, rules.reference, rows, past, segment or None, sure)
            judgement.profiles[segment] = rows
        judgement.judged[segment] = judged
    return judgement._replace(judged=over_segments(judgement.judged, rules.monitor, moved))


Alarms = Mapping[SignalName, Mapping[str, int]]
"""Signal -> detector -> when it alarmed."""


def with_alarms(findings: list[Finding], alarms: Mapping[str, Alarms]) -> list[Finding]:
    """Add to each finding's evidence which detectors alarmed on its signal and segment, and when."""
    return [_with_alarm(finding, alarms.get(finding.segment or ALL, {})) for finding in findings]


def _with_alarm(finding: Finding, alarms: Alarms) -> Finding:
    signal = _SIGNALS.get(finding.check)
    found = (
        alarms.get(SignalName(signal, finding.feature if signal in ("mean", "missing") else None))
        if signal
        else None
    )
    if not found or finding.state != "bad":
        return finding
    evidence = {**finding.evidence, "detector_alarms_ms": dict(found)}
    return msgspec.structs.replace(finding, evidence=evidence)


def counts(**numbers: int) -> list[Statistic]:
    """Return a statistic for each number that is not zero."""
    return [Statistic(name, float(number)) for name, number in numbers.items() if number]
