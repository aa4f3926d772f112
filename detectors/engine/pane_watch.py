"""The engine on profiles: it finds the features with a lasting change in the counts of panes."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from watchkeeper.detectors.engine.bank import State
from watchkeeper.detectors.engine.bet_pool import BetPool
from watchkeeper.detectors.engine.bins import NewValues, NumericBins
from watchkeeper.detectors.engine.category_bins import CategoryBins
from watchkeeper.detectors.engine.channel import Channel
from watchkeeper.detectors.engine.group import grouped, silence
from watchkeeper.detectors.engine.involved import involved
from watchkeeper.detectors.engine.model import (
    EngineModel,
    category_codes,
)
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.layout import OUTPUT, Layout
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import task_of

EVIDENCE_MAX = 1e6
"""Largest evidence that is published, in multiples of the budget. Chosen by hand: it keeps published values
readable."""
Profile = RowsProfile | LabelsProfile
"""Counts of a pane."""


class SavedPanes(Struct):
    """The saved form of a `PaneWatch`."""

    banks: list[State]
    """State of each bank."""
    since_ms: dict[str, int]
    """As in `PaneSummary`."""
    peaks: dict[str, float]
    """Largest evidence of each feature since the last summary."""


class PaneSummary(NamedTuple):
    """What the engine found in the panes of a window."""

    evidence: dict[str, float]
    """Largest evidence of a change, by feature, in multiples of the budget. The sum of all is an alarm at
    1."""
    since_ms: dict[str, int]
    """End of the pane that raised the alarm, by feature, in milliseconds since 1970. It stays until it is
    cleared."""


class PaneWatch:
    """Bets on the counts of panes, within a budget of false alarms per time.

    A pane of n rows is one block of the bank (`detectors/engine/bank.py`). It spends its span of time of the
    budget, so the mean time to a false alarm does not depend on the traffic. A feature that raised an alarm
    is silenced until it is cleared. Cost: 0.1 ms per pane of 20 features.

    Args:
        channels: What is watched.
        hours: Length of the season's cycle in hours; 0: no season.
        budget_ms: Mean time to a false alarm, at least, in milliseconds.
    """

    def __init__(self, channels: list[Channel], hours: int, budget_ms: float) -> None:
        self._groups = grouped(channels, hours, budget_ms)
        self._pool = BetPool.of([group.bank for group in self._groups])
        self._counters = [[_counter(channel) for channel in group.channels] for group in self._groups]
        self._since_ms: dict[str, int] = {}
        self._peaks: dict[str, float] = {}

    def feed(self, profile: Profile, start_ms: int, end_ms: int) -> None:
        """Process one pane.

        Args:
            profile: Counts of the pane.
            start_ms: Start of the pane in milliseconds since 1970.
            end_ms: End of the pane in milliseconds since 1970.
        """
        logs = []
        for group, counters in zip(self._groups, self._counters, strict=True):
            sums, rows = group.sums_of([count(profile) for count in counters], start_ms, end_ms)
            logs.append(group.bank.growth(sums, rows)[0].ravel())
            group.bank.learn(sums, rows)
        total = self._pool.play(np.exp(np.concatenate(logs)), end_ms - start_ms)
        for group in self._groups:
            group.bank.cap()
        evidence = self._evidence()
        for name, share in evidence.items():
            self._peaks[name] = min(EVIDENCE_MAX, max(self._peaks.get(name, 0.0), share))
        if total >= 1:
            self._raise(involved(evidence), end_ms)

    def _evidence(self) -> dict[str, float]:
        """Return the evidence of each feature."""
        found: dict[str, float] = {}
        for group in self._groups:
            for channel, share in zip(group.channels, group.bank.evidence().columns.tolist(), strict=True):
                found[channel.name] = found.get(channel.name, 0.0) + share
        return found

    def _raise(self, names: set[str], end_ms: int) -> None:
        """Note an alarm, silence its features and start a new search."""
        for name in sorted(names):
            self._since_ms.setdefault(name, end_ms)
        for group in self._groups:
            group.bank.forget_evidence()
        silence(self._groups, names, silent=True)

    def conclude(self) -> PaneSummary:
        """Return what was found in the panes since the last call."""
        peaks, self._peaks = self._peaks, {}
        return PaneSummary(peaks, dict(self._since_ms))

    def clear(self, names: set[str]) -> None:
        """Watch features again whose change is over, or does not matter.

        Args:
            names: Names of features; those that raised no alarm are ignored.
        """
        gone = names & self._since_ms.keys()
        self._since_ms = {name: since for name, since in self._since_ms.items() if name not in gone}
        silence(self._groups, gone, silent=False)

    def save(self) -> bytes:
        """Encode the state. The rest comes from the reference."""
        saved = SavedPanes([group.bank.save() for group in self._groups], self._since_ms, self._peaks)
        return msgspec.msgpack.encode(saved)

    def load(self, data: bytes) -> None:
        """Continue from a state of the same channels. A state of other channels is ignored.

        Args:
            data: What `save` returned.
        """
        saved = msgspec.msgpack.decode(data, type=SavedPanes)
        if [group.bank.shape for group in self._groups] != [
            (len(state.wealth), len(state.wealth[0]) if state.wealth else 0) for state in saved.banks
        ]:
            return
        for group, state in zip(self._groups, saved.banks, strict=True):
            group.bank.load(state)
        self._since_ms, self._peaks = saved.since_ms, saved.peaks


def watch_of(model: EngineModel | None, kind: str, budget_ms: float, layout: Layout) -> PaneWatch | None:
    """Return a watch of rows or of labels.

    A monitor may declare fewer features than its reference has, or other types. Only what both have is
    watched.

    Args:
        model: The model of the reference; None if there is none.
        kind: `labels`, or another kind for rows.
        budget_ms: Mean time to a false alarm, at least, in milliseconds.
        layout: Features, and the bins in which profiles count them.

    Returns:
        The watch; None if the reference and the layout have nothing in common.
    """
    known = [] if model is None else (model.labels if kind == "labels" else model.rows)
    channels = [channel for channel in known if _counted(channel, layout, kind)]
    return PaneWatch(channels, model.hours, budget_ms) if channels and model is not None else None


def _counted(channel: Channel, layout: Layout, kind: str) -> bool:
    """Whether a profile of the layout has the counts of a channel."""
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
    """Return the function that counts a channel's bins in a profile."""
    bins, name = channel.bins, channel.name
    if bins is None:
        return lambda profile: _of_missing(profile, name)
    if isinstance(bins, CategoryBins):
        return lambda profile: _of_category(profile, name, bins)
    assert isinstance(bins, NumericBins)  # noqa: S101
    return lambda profile: _of_number(profile, name, bins)


def _of_missing(profile: Profile, name: str) -> Floats:
    """Count values that are there, and missing ones."""
    assert isinstance(profile, RowsProfile)  # noqa: S101
    numeric = name in profile.layout.numeric
    summary = profile.number(name) if numeric else profile.category(name)
    return np.array([summary.rows - summary.missing, summary.missing], float)


def _of_category(profile: Profile, name: str, bins: CategoryBins) -> Floats:
    """Count categories."""
    assert isinstance(profile, RowsProfile)  # noqa: S101
    summary = profile.category(name)
    codes: Mapping[str, int] = category_codes(bins, tuple(summary.known))
    counts = np.zeros(bins.count)
    for category, count in summary.known.items():
        counts[codes[category]] += count
    counts[-1] += summary.outside
    return counts


def _of_number(profile: Profile, name: str, bins: NumericBins) -> Floats:
    """Count numbers, errors or residuals."""
    if isinstance(profile, LabelsProfile):
        return task_of(profile.layout.binning.task).tally(profile, name, bins)
    number = profile.output if name == OUTPUT else profile.number(name)
    if number is None or len(number.bins) != bins.count:
        return np.zeros(bins.count)
    counts: Floats = number.bins.astype(float)
    return counts
