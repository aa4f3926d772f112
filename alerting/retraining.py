"""When to retrain: performance was bad for long enough, on enough labels, and not for broken data."""

import hashlib
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from watchkeeper.alerting.evidence import rfc3339, utc
from watchkeeper.alerting.faults import DataFault, FaultHistory, label_wait_ms
from watchkeeper.alerting.symptoms import is_unknown
from watchkeeper.alerting.wording import fault_in_words
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Finding, State, WindowFindings
from watchkeeper.schemas.monitors import Monitor, RetrainingSection
from watchkeeper.schemas.retraining import DataWindow, RetrainingRequest


class Streak(Struct):
    """The consecutive windows with bad performance of one version."""

    windows: int = 0
    """Number of windows."""
    labels: int = 0
    """Number of labels in them; labels of overlapping windows count once."""
    until_ms: int = 0
    """The end of the last window, in ms since 1970."""
    findings: list[Finding] = []
    """The findings of the last bad window."""
    held_back_by: list[DataFault] = []
    """Faults because of which bad windows did not count."""


class RetrainingState(Struct):
    """What the decision to retrain one model remembers between windows."""

    streaks: dict[str, Streak] = {}
    """The streak of bad windows of each version."""
    cooldown_until_ms: int = 0
    """No request before this event time, in ms since 1970."""

    def forget(self, version: str) -> None:
        """Forget a version that no longer answers.

        Args:
            version: The version.
        """
        self.streaks.pop(version, None)

    def decide(
        self, window: WindowFindings, monitor: Monitor, faults: FaultHistory, current: str | None
    ) -> RetrainingRequest | None:
        """Count one window of labels, and request retraining if it is due.

        A bad window in which data was broken is not evidence against the model, and does not count.

        Args:
            window: The findings of the window; other kinds are ignored.
            monitor: The monitor of the model.
            faults: The data faults that were known at the window's end.
            current: The version that answered for the model at the window's end.

        Returns:
            The request, or None.
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

    def _follow(self, window: WindowFindings, monitor: Monitor, faults: FaultHistory) -> Streak | None:
        """Count the window. Return the streak if the window was bad and counts."""
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

    def _is_due(self, streak: Streak, window: WindowFindings, plan: RetrainingSection) -> bool:
        enough = streak.windows >= plan.after_windows and streak.labels >= plan.min_labels
        return enough and window.window_end_ms >= self.cooldown_until_ms


def request_id(model: str, version: str, window_end_ms: int) -> str:
    """Return the id of a decision. The same decision made twice has the same id.

    Args:
        model: The model.
        version: The version that performs badly.
        window_end_ms: The end of the window that decided, in ms since 1970.

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


def _blamed(window: WindowFindings, monitor: Monitor, faults: FaultHistory) -> list[DataFault]:
    return faults.within(window.window_start_ms - label_wait_ms(monitor), window.window_end_ms)


def _request(
    window: WindowFindings, monitor: Monitor, plan: RetrainingSection, streak: Streak, faults: FaultHistory
) -> RetrainingRequest:
    end_ms = window.window_end_ms
    start_ms = end_ms - milliseconds(plan.data_window)
    return RetrainingRequest(
        request_id=request_id(window.subject, window.version, end_ms),
        model=monitor.name,
        environment=monitor.environment,
        model_version=window.version,
        requested_at=utc(end_ms),
        reasons=_reasons(window, streak, faults),
        evidence=[_evidence(finding, window) for finding in _bad(window)],
        data_window=DataWindow(start=utc(start_ms), end=utc(end_ms)),
        excluded=_excluded(faults.within(start_ms, end_ms), start_ms, end_ms),
        cooldown_until=utc(end_ms + milliseconds(plan.cooldown)),
    )


def _reasons(window: WindowFindings, streak: Streak, faults: FaultHistory) -> list[str]:
    version, windows, labels = window.version, streak.windows, streak.labels
    bad = f"Version {version} performed badly in {windows} consecutive windows, on {labels} labels."
    held = {fault[:3] for fault in streak.held_back_by}
    # Looked up again, because their ends were not known when they held retraining back.
    names = "; ".join(fault_in_words(fault) for fault in faults.past if fault[:3] in held)
    blamed = [f"Retraining was held back while data was broken: {names}."] if names else []
    return [bad, *(finding.explanation for finding in _bad(window)), *blamed]


def _evidence(finding: Finding, window: WindowFindings) -> dict[str, Any]:
    span = {"window_start": rfc3339(window.window_start_ms), "window_end": rfc3339(window.window_end_ms)}
    numbers = {"value": finding.value, "threshold": finding.threshold, "p_value": finding.p_value}
    known = {name: number for name, number in numbers.items() if number is not None}
    return {"check": finding.check, **known, "labels": window.rows, **span, "details": finding.evidence}


def _excluded(faults: Sequence[DataFault], start_ms: int, end_ms: int) -> list[DataWindow]:
    spans = [(max(f.started_ms, start_ms), min(f.ended_ms or end_ms, end_ms)) for f in faults]
    return [DataWindow(start=utc(start), end=utc(end)) for start, end in sorted(set(spans))]
