"""The judgement on one closed window: its statistics and findings, of all rows and of each segment."""

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
from watchkeeper.streams.evaluate.windows import ALL, Closed

SEGMENTS_MAX = 50
"""Smaller segments than the largest 50 of a window are not judged."""
ADAPTING: frozenset[Check] = frozenset({"volume", "latency", "duplicates"})
"""Faults of the traffic, not of the data: what lasts is a new normal."""
DRIFT: frozenset[Check] = frozenset({"drift", "prediction_drift"})
_SIGNALS: Mapping[Check, str] = {
    "drift": "mean", "missing": "missing", "prediction_drift": "output", "performance": "error",
}  # fmt: skip


class Verdict(NamedTuple):
    """What was found in a window, by segment."""

    judged: dict[str, Judgement]
    profiles: dict[str, RowsProfile]
    """Empty for labels."""

    @property
    def findings(self) -> list[Finding]:
        """List the findings of all segments."""
        return [finding for judged in self.judged.values() for finding in judged.findings]

    @property
    def checked(self) -> list[Check]:
        """List the checks that were made, each once."""
        return list(dict.fromkeys(check for judged in self.judged.values() for check in judged.checked))

    @property
    def broken(self) -> set[str]:
        """Name the segments whose data was broken."""
        return self._bad(frozenset(QUALITY_CHECKS) - ADAPTING)

    @property
    def unusual(self) -> set[str]:
        """Name the segments whose traffic was not as usual."""
        return self._bad(ADAPTING)

    @property
    def drifting(self) -> set[str]:
        """Name the segments whose values were not as in the reference, or are more often broken than ever."""
        return self._bad(DRIFT) | {segment for segment, judged in self.judged.items() if judged.rising}

    def _bad(self, checks: frozenset[Check]) -> set[str]:
        bad = (each for each in self.findings if each.state == "bad" and each.check in checks)
        return {finding.segment or ALL for finding in bad}


def chosen(closed: Closed) -> list[str]:
    """Name all rows and the largest segments, in an order that does not depend on how they came."""
    segments = sorted(
        (name for name in closed.parts if name != ALL), key=lambda n: (-closed.parts[n].rows, n)
    )
    return [ALL, *segments[:SEGMENTS_MAX]]


def judge_window(
    kind: Kind, layout: Layout, terms: WindowRules, closed: Closed, late_rows: int, recent: Recent,
    moved: Mapping[str, Container[str]] = {},
) -> Verdict:  # fmt: skip
    """Judge a closed window; rows too late for any window are counted in it.

    `moved` are the features of whose change the engine is sure, for each segment that it knows.
    """
    verdict = Verdict({}, {})
    for segment in chosen(closed):
        encoded = closed.parts[segment].profiles if segment in closed.parts else []
        late = late_rows if segment == ALL else 0
        if kind == "labels":
            labels = merged(labels_of(layout), encoded, layout)
            labels.late += late
            judged = judge_labels(terms.monitor, layout, terms.reference, labels, segment or None)
        else:
            rows = merged(RowsProfile, encoded, layout)
            rows.late += late
            past = recent.profile(segment, layout)
            sure = moved.get(segment)
            judged = judge_rows(terms.monitor, layout, terms.reference, rows, past, segment or None, sure)
            verdict.profiles[segment] = rows
        verdict.judged[segment] = judged
    return verdict._replace(judged=over_segments(verdict.judged, terms.monitor, moved))


Alarms = Mapping[SignalName, Mapping[str, int]]
"""What is watched -> detector -> when it alarmed."""


def with_alarms(findings: list[Finding], alarms: Mapping[str, Alarms]) -> list[Finding]:
    """Add to the evidence which detectors alarmed on what a finding is about in its segment, and when."""
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
    """Make statistics of those numbers that are not zero."""
    return [Statistic(name, float(number)) for name, number in numbers.items() if number]
