"""All online detectors of one subject and version, fed with its panes in order of time."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.detectors.online.base import Detector
from watchkeeper.detectors.online.registry import OF_PANES
from watchkeeper.detectors.online.signals import Name, Sample, Signal
from watchkeeper.schemas.statistics import Statistic

SIGNALS_MAX = 200
"""Further signals are not watched: each takes 2 kB of state and 10 us per pane."""
MEAN_ROWS_MIN = 30
"""The fewest rows whose mean is fed to a detector; smaller panes are combined until they have as many."""


class SavedSignal(Struct, array_like=True):
    """One signal in a snapshot."""

    signal: str
    feature: str | None
    count: int
    total: float
    peak: float
    alarms: dict[str, int]
    detectors: dict[str, bytes]


class Concluded(NamedTuple):
    """What the detectors have to say about one window."""

    statistics: list[Statistic]
    alarms: dict[Name, dict[str, int]]
    """Signal -> detector -> end of the pane at which it first alarmed since the window before."""


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
    """

    def __init__(self, signals: Mapping[Name, Signal]) -> None:
        watched = list(signals.items())[:SIGNALS_MAX]
        self.ignored = len(signals) - len(watched)
        self._watched = {name: _Watched(signal, _make(signal)) for name, signal in watched}

    def feed(self, samples: Mapping[Name, Sample], end_ms: int) -> None:
        """Take in one pane."""
        for name, watched in self._watched.items():
            if name in samples:
                watched.feed(samples[name], end_ms)

    def conclude(self) -> Concluded:
        """Sum up the panes since the last call.

        `detector_score` is the highest score of any detector and signal of a feature, `detector_alarm` the
        number of detectors that alarmed.
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
        return Concluded(statistics, alarms)

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
        """Take over the state of those signals that are still watched."""
        for state in saved:
            watched = self._watched.get(Name(state.signal, state.feature))
            if watched is None:
                continue
            watched.count, watched.total = state.count, state.total
            watched.peak, watched.alarms = state.peak, state.alarms
            for kind, snapshot in state.detectors.items():
                if kind in OF_PANES:
                    watched.detectors[kind] = OF_PANES[kind].restore(snapshot)


def _make(signal: Signal) -> dict[str, Detector]:
    return {kind: member.make(signal.baseline, signal.tolerance) for kind, member in OF_PANES.items()}
