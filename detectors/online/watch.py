"""The online detectors of one subject and version, fed with its panes in order of time."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.detectors.online.base import Detector
from watchkeeper.detectors.online.registry import OF_PANES
from watchkeeper.detectors.online.signals import Sample, Signal, SignalName
from watchkeeper.schemas.statistics import Statistic

SIGNALS_MAX = 200
"""The most signals that are watched; each takes 2 kB of state and 10 us per pane. Chosen by hand: it bounds
the state of a subject to 400 kB."""
MEAN_ROWS_MIN = 30
"""Minimum number of rows whose mean is fed to a detector; smaller panes are added up first. Chosen by hand:
the mean of fewer rows is mostly noise."""


class SavedSignal(Struct, array_like=True):
    """One signal in a snapshot."""

    signal: str
    """The signal, as in `SignalName`."""
    feature: str | None
    """Its feature, if any."""
    count: int
    """The number of values that wait for the next mean."""
    total: float
    """Their sum."""
    peak: float
    """The highest score of any detector since the last summary."""
    alarms: dict[str, int]
    """Detector -> end of the pane at which it alarmed, in milliseconds since 1970."""
    detectors: dict[str, bytes]
    """Detector -> its snapshot."""


class WatchSummary(NamedTuple):
    """The result of the detectors for one window."""

    statistics: list[Statistic]
    """The statistics to publish."""
    alarms: dict[SignalName, dict[str, int]]
    """Signal -> detector -> end of the pane at which it first alarmed since the last window, in milliseconds
    since 1970."""


class _Watched:
    def __init__(self, signal: Signal, detectors: dict[str, Detector]) -> None:
        self.signal = signal
        self.detectors = detectors
        self.count = 0
        self.total = 0.0
        self.peak = 0.0
        self.alarms: dict[str, int] = {}

    def feed(self, sample: Sample, end_ms: int) -> None:
        self.count += sample[0]
        self.total += sample[1]
        if self.count < MEAN_ROWS_MIN:
            return
        value = self.signal.value(self.total / self.count)
        self.count, self.total = 0, 0.0
        for name, detector in self.detectors.items():
            if detector.update(value):
                self.alarms.setdefault(name, end_ms)
            self.peak = max(self.peak, detector.score)


class Watch:
    """Feeds every signal to every detector, and sums up at the end of each window.

    Cost: 10 us per signal and pane.

    Args:
        signals: The signals to watch, by name; at most the first 200 are watched.
    """

    def __init__(self, signals: Mapping[SignalName, Signal]) -> None:
        watched = list(signals.items())[:SIGNALS_MAX]
        self.ignored = len(signals) - len(watched)
        self._watched = {name: _Watched(signal, _make(signal)) for name, signal in watched}

    def feed(self, samples: Mapping[SignalName, Sample], end_ms: int) -> None:
        """Process one pane.

        Args:
            samples: The pane's values, by signal.
            end_ms: The end of the pane, in milliseconds since 1970.
        """
        for name, watched in self._watched.items():
            if name in samples:
                watched.feed(samples[name], end_ms)

    def conclude(self) -> WatchSummary:
        """Sum up the panes since the last call.

        The statistic `detector_score` is the highest score of any detector and signal of a feature;
        `detector_alarm` is the number of detectors that alarmed.
        """
        scores: dict[str | None, float] = {}
        alarmed: dict[str | None, set[str]] = {}
        for name, watched in self._watched.items():
            scores[name.feature] = max(scores.get(name.feature, 0.0), watched.peak)
            alarmed.setdefault(name.feature, set()).update(watched.alarms)
        alarms = {name: watched.alarms for name, watched in self._watched.items() if watched.alarms}
        for watched in self._watched.values():
            watched.peak, watched.alarms = 0.0, {}
        statistics = [Statistic("detector_score", score, feature) for feature, score in scores.items()]
        statistics += [
            Statistic("detector_alarm", float(len(who)), feature) for feature, who in alarmed.items()
        ]
        if self.ignored:
            statistics.append(Statistic("detector_ignored_signals", float(self.ignored)))
        return WatchSummary(statistics, alarms)

    def snapshot(self) -> list[SavedSignal]:
        """Give the state of every signal."""
        return [
            SavedSignal(
                *name, watched.count, watched.total, watched.peak, watched.alarms,
                {kind: detector.snapshot() for kind, detector in watched.detectors.items()},
            )
            for name, watched in self._watched.items()
        ]  # fmt: skip

    def restore(self, saved: list[SavedSignal]) -> None:
        """Restore the state of those signals that are still watched.

        Args:
            saved: The list that `snapshot` returned.
        """
        for state in saved:
            watched = self._watched.get(SignalName(state.signal, state.feature))
            if watched is None:
                continue
            watched.count, watched.total = state.count, state.total
            watched.peak, watched.alarms = state.peak, state.alarms
            for kind, snapshot in state.detectors.items():
                if kind in OF_PANES:
                    watched.detectors[kind] = OF_PANES[kind].restore(snapshot)


def _make(signal: Signal) -> dict[str, Detector]:
    return {kind: member.make(signal.baseline, signal.tolerance) for kind, member in OF_PANES.items()}
