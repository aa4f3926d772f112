"""When to retrain: performance was bad long enough, on enough labels, and the data is not to blame."""

import hashlib
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from watchkeeper.alerting.evidence import stamp, when
from watchkeeper.alerting.faults import Fault, Faults, reach_ms
from watchkeeper.alerting.symptoms import is_unknown
from watchkeeper.alerting.wording import fault_in_words
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding, State, WindowFindings
from watchkeeper.schemas.monitors import Monitor, Retraining
from watchkeeper.schemas.retraining import DataWindow, RetrainingRequest


class Streak(Struct):
    """The bad performance windows in a row of one version."""

    windows: int = 0
    labels: int = 0
    until_ms: int = 0
    """The end of the last window; labels of overlapping windows are counted once."""
    findings: list[Finding] = []
    """Of the last bad window."""
    held_back_by: list[Fault] = []
    """Faults because of which bad windows were not counted."""


class Course(Struct):
    """What the decision to retrain one model remembers."""

    streaks: dict[str, Streak] = {}
    cooldown_until_ms: int = 0

    def forget(self, version: str) -> None:
        """Forget a version that does not answer any more."""
        self.streaks.pop(version, None)

    def decide(
        self, window: WindowFindings, monitor: Monitor, faults: Faults, current: str | None
    ) -> RetrainingRequest | None:
        """Take in one window of labels; ask for retraining if it is what helps.

        A bad window in which data was broken says nothing of the model: it does not count. `faults` and the
        current version are those known at the window's end.
        """
        plan = monitor.retraining
        if plan is None or window.kind != "labels" or "performance" not in window.checked:
            return None
        streak = self._follow(window, monitor, faults)
        if window.version != current or not streak or not self._is_due(streak, window, plan):
            return None
        self.cooldown_until_ms = window.window_end_ms + milliseconds(plan.cooldown)
        request = _request(window, monitor, plan, streak, faults)
        del self.streaks[window.version]
        return request

    def _follow(self, window: WindowFindings, monitor: Monitor, faults: Faults) -> Streak | None:
        """Count the window; return the streak if this window was bad and counts."""
        streak = self.streaks.setdefault(window.version, Streak())
        if (state := _state(window, streak.findings)) == "ok":
            del self.streaks[window.version]
        if state != "bad" or window.window_end_ms <= streak.until_ms:
            return None
        if blamed := _blamed(window, monitor, faults):
            streak.held_back_by = blamed
            return None
        streak.windows += 1
        streak.labels += window.rows if window.window_start_ms >= streak.until_ms else 0
        streak.until_ms, streak.findings = window.window_end_ms, _bad(window)
        return streak

    def _is_due(self, streak: Streak, window: WindowFindings, plan: Retraining) -> bool:
        enough = streak.windows >= plan.after_windows and streak.labels >= plan.min_labels
        return enough and window.window_end_ms >= self.cooldown_until_ms


def request_id(model: str, version: str, window_end_ms: int) -> str:
    """Identify a decision, so that the same one made twice is known as one.

    >>> request_id("m", "1", 0) == request_id("m", "1", 0) != request_id("m", "2", 0)
    True
    """
    return hashlib.sha256(f"{model}\xff{version}\xff{window_end_ms}".encode()).hexdigest()[:16]


def _bad(window: WindowFindings) -> list[Finding]:
    return [f for f in window.findings if (f.check, f.segment, f.state) == ("performance", None, "bad")]


def _state(window: WindowFindings, before: Sequence[Finding]) -> State:
    if _bad(window):
        return "bad"
    missing = [f for f in window.findings if f.check == "performance" and f.segment is None]
    return "no_data" if is_unknown(missing, before) else "ok"


def _blamed(window: WindowFindings, monitor: Monitor, faults: Faults) -> list[Fault]:
    return faults.within(window.window_start_ms - reach_ms(monitor), window.window_end_ms)


def _request(
    window: WindowFindings, monitor: Monitor, plan: Retraining, streak: Streak, faults: Faults
) -> RetrainingRequest:
    end_ms = window.window_end_ms
    start_ms = end_ms - milliseconds(plan.data_window)
    return RetrainingRequest(
        request_id=request_id(window.subject, window.version, end_ms),
        model=monitor.subject,
        model_version=window.version,
        requested_at=when(end_ms),
        reasons=_reasons(window, streak, faults),
        evidence=[_evidence(finding, window) for finding in _bad(window)],
        data_window=DataWindow(start=when(start_ms), end=when(end_ms)),
        excluded=_excluded(faults.within(start_ms, end_ms), start_ms, end_ms),
        cooldown_until=when(end_ms + milliseconds(plan.cooldown)),
    )


def _reasons(window: WindowFindings, streak: Streak, faults: Faults) -> list[str]:
    bad = f"Version {window.version} was bad in {streak.windows} windows in a row, on {streak.labels} labels."
    held = {fault[:3] for fault in streak.held_back_by}
    # Looked up again, because their end was not known when they held it back.
    names = "; ".join(fault_in_words(fault) for fault in faults.past if fault[:3] in held)
    blamed = [f"It was held back while data was broken: {names}."] if names else []
    return [bad, *(finding.explanation for finding in _bad(window)), *blamed]


def _evidence(finding: Finding, window: WindowFindings) -> dict[str, Any]:
    span = {"window_start": stamp(window.window_start_ms), "window_end": stamp(window.window_end_ms)}
    numbers = {"value": finding.value, "threshold": finding.threshold, "p_value": finding.p_value}
    known = {name: number for name, number in numbers.items() if number is not None}
    return {"check": finding.check, **known, "labels": window.rows, **span, "details": finding.evidence}


def _excluded(faults: Sequence[Fault], start_ms: int, end_ms: int) -> list[DataWindow]:
    spans = [(max(f.started_ms, start_ms), min(f.ended_ms or end_ms, end_ms)) for f in faults]
    return [DataWindow(start=when(start), end=when(end)) for start, end in sorted(set(spans))]
