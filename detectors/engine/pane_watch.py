"""The engine on profiles: panes in, the features in which a lasting change is beyond doubt out."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.bank import Stakes, State
from watchkeeper.detectors.engine.bins import CategoryBins, NewValues, NumberBins
from watchkeeper.detectors.engine.channel import Channel
from watchkeeper.detectors.engine.group import grouped, silence
from watchkeeper.detectors.engine.involved import involved
from watchkeeper.detectors.engine.model import OUTPUT, Model, category_places
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import task_of

EVIDENCE_MAX = 1e6
Profile = RowsProfile | LabelsProfile


class SavedPanes(Struct):
    """A watch at rest."""

    banks: list[State]
    since_ms: dict[str, int]
    peaks: dict[str, float]


class Concluded(NamedTuple):
    """What the panes of a window came to."""

    evidence: dict[str, float]
    """Feature -> the most that spoke for a change of it; all of them together are an alarm at 1."""
    since_ms: dict[str, int]
    """Feature -> the end of the pane at which its change was beyond doubt; it stays until it is cleared."""


class PaneWatch:
    """Bets on the counts of panes, within a budget of false alarms per time.

    A pane of n rows is one block of the bank (`watchkeeper.detectors.engine.bank`), and its span of time is what it
    spends of the budget: so the promise is a mean time to a false alarm, whatever the traffic. A column that
    raised an alarm is silent until it is cleared. Cost: 0.1 ms per pane of 20 features.
    """

    def __init__(self, channels: list[Channel], hours: int, budget_ms: float) -> None:
        self._groups = grouped(channels, hours, budget_ms)
        self._stakes = Stakes.of([group.bank for group in self._groups])
        self._counters = [[_counter(channel) for channel in group.channels] for group in self._groups]
        self._since_ms: dict[str, int] = {}
        self._peaks: dict[str, float] = {}

    def feed(self, profile: Profile, start_ms: int, end_ms: int) -> None:
        """Take in one pane."""
        logs = []
        for group, counters in zip(self._groups, self._counters, strict=True):
            sums, rows = group.sums_of([count(profile) for count in counters], start_ms, end_ms)
            logs.append(group.bank.growth(sums, rows)[0].ravel())
            group.bank.learn(sums, rows)
        total = self._stakes.play(np.exp(np.concatenate(logs)), end_ms - start_ms)
        for group in self._groups:
            group.bank.cap()
        evidence = self._evidence()
        for name, share in evidence.items():
            self._peaks[name] = min(EVIDENCE_MAX, max(self._peaks.get(name, 0.0), share))
        if total >= 1:
            self._raise(involved(evidence), end_ms)

    def _evidence(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for group in self._groups:
            for channel, share in zip(group.channels, group.bank.evidence().columns.tolist(), strict=True):
                found[channel.name] = found.get(channel.name, 0.0) + share
        return found

    def _raise(self, names: set[str], end_ms: int) -> None:
        for name in sorted(names):
            self._since_ms.setdefault(name, end_ms)
        for group in self._groups:
            group.bank.forget_evidence()
        silence(self._groups, names, silent=True)

    def conclude(self) -> Concluded:
        """Sum up the panes since the last call."""
        peaks, self._peaks = self._peaks, {}
        return Concluded(peaks, dict(self._since_ms))

    def clear(self, names: set[str]) -> None:
        """Watch features anew whose change is over, or does not matter."""
        gone = names & self._since_ms.keys()
        self._since_ms = {name: since for name, since in self._since_ms.items() if name not in gone}
        silence(self._groups, gone, silent=False)

    def save(self) -> bytes:
        """Encode the state; the reference gives the rest."""
        saved = SavedPanes([group.bank.save() for group in self._groups], self._since_ms, self._peaks)
        return msgspec.msgpack.encode(saved)

    def load(self, data: bytes) -> None:
        """Go on from a state of the same channels; of others nothing is taken over."""
        saved = msgspec.msgpack.decode(data, type=SavedPanes)
        if [group.bank.shape for group in self._groups] != [
            (len(state.wealth), len(state.wealth[0]) if state.wealth else 0) for state in saved.banks
        ]:
            return
        for group, state in zip(self._groups, saved.banks, strict=True):
            group.bank.load(state)
        self._since_ms, self._peaks = saved.since_ms, saved.peaks


def watch_of(model: Model | None, kind: str, budget_ms: float, layout: Layout) -> PaneWatch | None:
    """Make the watch of rows or of labels; None where the reference knows nothing of what the layout counts.

    A monitor may declare less than its reference has, or of another type: only what both have is watched.
    """
    known = [] if model is None else (model.labels if kind == "labels" else model.rows)
    channels = [channel for channel in known if _counted(channel, layout, kind)]
    return PaneWatch(channels, model.hours, budget_ms) if channels and model is not None else None


def _counted(channel: Channel, layout: Layout, kind: str) -> bool:
    bins, name = channel.bins, channel.name
    if isinstance(bins, NewValues):
        return False  # a pane has no single values
    if kind == "labels":
        return bins is not None and task_of(layout.binning.task).is_counted(name, bins.count)
    if bins is None:
        return name in layout.numeric or name in layout.categorical
    if isinstance(bins, CategoryBins):
        return name in layout.categorical
    return name in layout.numeric or (name == OUTPUT and layout.binning.output is not None)


def _counter(channel: Channel) -> Callable[[Profile], Floats]:
    """Say how a channel's bins are counted in a profile."""
    bins, name = channel.bins, channel.name
    if bins is None:
        return lambda profile: _of_missing(profile, name)
    if isinstance(bins, CategoryBins):
        return lambda profile: _of_category(profile, name, bins)
    assert isinstance(bins, NumberBins)  # noqa: S101
    return lambda profile: _of_number(profile, name, bins)


def _of_missing(profile: Profile, name: str) -> Floats:
    assert isinstance(profile, RowsProfile)  # noqa: S101
    numeric = name in profile.layout.numeric
    summary = profile.number(name) if numeric else profile.category(name)
    return np.array([summary.rows - summary.missing, summary.missing], float)


def _of_category(profile: Profile, name: str, bins: CategoryBins) -> Floats:
    assert isinstance(profile, RowsProfile)  # noqa: S101
    summary = profile.category(name)
    places: Mapping[str, int] = category_places(bins, tuple(summary.known))
    counts = np.zeros(bins.count)
    for category, count in summary.known.items():
        counts[places[category]] += count
    counts[-1] += summary.outside
    return counts


def _of_number(profile: Profile, name: str, bins: NumberBins) -> Floats:
    if isinstance(profile, LabelsProfile):
        return task_of(profile.layout.binning.task).tally(profile, name, bins)
    number = profile.output if name == OUTPUT else profile.number(name)
    if number is None or len(number.bins) != bins.count:
        return np.zeros(bins.count)
    counts: Floats = number.bins.astype(float)
    return counts
