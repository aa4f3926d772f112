"""The engine's bets for subject windows: on all rows, and on each segment that the reference has learned."""

from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from watchkeeper.detectors.checks.budget import engine_budget_ms
from watchkeeper.detectors.engine.model import reference_model
from watchkeeper.detectors.engine.pane_watch import PaneSummary, PaneWatch, watch_of
from watchkeeper.detectors.online.signals import SignalName
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import ERROR, LABEL_SIGNALS
from watchkeeper.schemas.findings import Finding, Kind
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.statistics import Statistic
from watchkeeper.streams.evaluate.judgement import Alarms
from watchkeeper.streams.evaluate.window_rules import WindowRules
from watchkeeper.streams.evaluate.windows import ALL

_OF_SEGMENTS = 0.5
"""Share of the engine's budget for all segments together, if the reference has any. Chosen by hand: a larger
share detects faults of one segment earlier and faults of all rows later."""


class WindowBets(NamedTuple):
    """The results of the bets in one window, by segment."""

    kind: Kind
    concluded: dict[str, PaneSummary]

    @property
    def moved(self) -> dict[str, Set[str]]:
        """The features whose change the engine is sure of, by segment; empty for labels.

        The checks of labels do not ask the engine.
        """
        if self.kind == "labels":
            return {}
        return {segment: each.since_ms.keys() for segment, each in self.concluded.items()}

    def evidence(self, segment: str) -> list[Statistic]:
        """Return how far the bets on a segment came. The engine alarms at 1 for all its features together."""
        peaks: dict[str | None, float] = {}
        for name, peak in self._of(segment).evidence.items():
            feature = None if name == OUTPUT or name in LABEL_SIGNALS else name
            peaks[feature] = max(peak, peaks.get(feature, 0.0))
        return [Statistic("engine_evidence", peak, feature) for feature, peak in peaks.items()]

    def alarms(self, others: Mapping[SignalName, Mapping[str, int]]) -> dict[str, Alarms]:
        """Merge the engine's alarms with those of the other detectors, by segment.

        Args:
            others: The alarms of the other detectors, which watch all rows.
        """
        found: dict[str, dict[SignalName, dict[str, int]]] = {
            ALL: {name: dict(at) for name, at in others.items()}
        }
        for segment, each in self.concluded.items():
            for feature, since_ms in each.since_ms.items():
                known = found.setdefault(segment, {}).setdefault(self._name(feature), {})
                known["engine"] = min(since_ms, known.get("engine", since_ms))
        return {segment: dict(alarms) for segment, alarms in found.items()}

    def _of(self, segment: str) -> PaneSummary:
        return self.concluded.get(segment, PaneSummary({}, {}))

    def _name(self, feature: str) -> SignalName:
        if self.kind == "labels":
            return SignalName(ERROR)
        return SignalName("output") if feature == OUTPUT else SignalName("mean", feature)


class Engines:
    """The engines of one key's subject windows, by segment."""

    def __init__(self, kind: Kind, watches: dict[str, PaneWatch], monitor: Monitor) -> None:
        self._kind = kind
        self._watches = watches
        self._made_for = _relevant(monitor)

    @classmethod
    def of(cls, rules: WindowRules, kind: Kind, saved: Mapping[str, bytes]) -> "Engines":
        """Make an engine for all rows and for each segment that the reference has learned.

        Args:
            rules: The rules, which give the reference and the monitor.
            kind: What the windows hold.
            saved: The saved state of each segment's engine, which the new one continues.
        """
        model, watches = reference_model(rules.reference), {}
        if model is None or rules.layout is None:
            return cls(kind, {}, rules.monitor)
        declared = {} if kind == "labels" else model.segments
        models = {name: of for name, of in declared.items() if _dimension(name) in rules.monitor.segments}
        for segment, of_segment in {ALL: model, **models}.items():
            share = _OF_SEGMENTS / len(models) if segment != ALL else 1 - _OF_SEGMENTS * bool(models)
            budget_ms = engine_budget_ms(rules.monitor, share)
            if (watch := watch_of(of_segment, kind, budget_ms, rules.layout)) is not None:
                watches[segment] = watch
        for segment in watches.keys() & saved.keys():
            watches[segment].load(saved[segment])
        return cls(kind, watches, rules.monitor)

    def suit(self, monitor: Monitor) -> bool:
        """Whether the engines have the budget and the segments that a monitor asks for.

        If not, make new ones from the saved state.
        """
        return self._made_for == _relevant(monitor)

    @property
    def segments(self) -> list[str]:
        """The segments that have an engine, without all rows."""
        return [segment for segment in self._watches if segment != ALL]

    def feed(self, segment: str, profile: RowsProfile | LabelsProfile, start_ms: int, end_ms: int) -> None:
        """Bet on the rows of a segment in a span of time."""
        if segment in self._watches:
            self._watches[segment].feed(profile, start_ms, end_ms)

    def conclude(self) -> WindowBets:
        """Return the results of the bets since the last call."""
        return WindowBets(self._kind, {segment: watch.conclude() for segment, watch in self._watches.items()})

    def clear(self, bets: WindowBets, findings: Iterable[Finding]) -> None:
        """Restart the bets that alarmed where the window did not confirm the change."""
        changed = _changed(findings)
        for segment, each in bets.concluded.items():
            self._watches[segment].clear(each.since_ms.keys() - changed.get(segment, set()))

    def save(self) -> dict[str, bytes]:
        """Encode the state of each engine; what the reference gives is not in it."""
        return {segment: watch.save() for segment, watch in self._watches.items()}


def _relevant(monitor: Monitor) -> tuple[list[str], float]:
    return monitor.segments, engine_budget_ms(monitor)


def _dimension(segment: str) -> str:
    return segment.partition("=")[0]


def _changed(findings: Iterable[Finding]) -> dict[str, set[str]]:
    """Return the features that drift or are broken, by segment and under the engine's names."""
    changed: dict[str, set[str]] = {}
    for each in findings:
        if each.state == "bad":
            of_segment = changed.setdefault(each.segment or ALL, set())
            of_segment |= {each.feature} if each.feature is not None else set()
            of_segment |= {OUTPUT} if each.check == "prediction_drift" else set()
            of_segment |= LABEL_SIGNALS if each.check == "performance" else set()
    return changed
