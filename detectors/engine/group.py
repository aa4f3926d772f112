"""Channels with about as many scores each, watched together: from rows to the evidence of a change."""

from collections.abc import Sequence, Set

import numpy as np

from watchkeeper.detectors.engine.bank import Bank
from watchkeeper.detectors.engine.channel import Channel
from watchkeeper.detectors.engine.season import phase
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Table

_MOMENTS = 24
"""At so many moments of a span of time it is asked what is ordinary then."""
WIDE = 4
"""Channels with more scores than so many are kept apart, so that others need no room for as many."""


class Group:
    """The channels, the scores of their bins and the bank that bets on them."""

    def __init__(self, channels: Sequence[Channel], hours: int, budget: float) -> None:
        self.channels = list(channels)
        bins = max(len(channel.scores[0]) for channel in channels) + 1
        width = max(len(channel.scores) for channel in channels)
        self._hours = hours
        self._first = np.arange(len(channels)) * bins
        # The scores of each bin, then that the row is usable; a channel's last bin is for rows that are not.
        self._scores = np.zeros((len(channels), bins, width + 1))
        self._ordinary = np.zeros((hours, len(channels), width)) if hours else None
        for index, channel in enumerate(channels):
            table = np.array(channel.scores).T
            self._scores[index, : len(table), : table.shape[1]] = table
            self._scores[index, : len(table), width] = 1.0
            if channel.season is not None and self._ordinary is not None:
                self._ordinary[:, index, : table.shape[1]] = channel.season
        self._unusable = bins - 1
        self._table = self._scores.reshape(-1, width + 1)
        weights = np.array([channel.weight for channel in channels])
        self.bank = Bank([channel.column for channel in channels], weights, budget)

    def sums_of(self, counts: Sequence[Floats], start_ms: float, end_ms: float) -> tuple[Floats, Floats]:
        """Sum up the scores of one block from the counts of each channel's bins, over a span of time."""
        rows = np.array([each.sum() for each in counts])
        sums = np.stack(
            [each @ table[: len(each), :-1] for each, table in zip(counts, self._scores, strict=True)]
        )
        if self._ordinary is not None:
            times = np.arange(start_ms, end_ms, max(1.0, (end_ms - start_ms) / _MOMENTS))
            sums = sums - self._ordinary[phase(times, self._hours)].mean(axis=0) * rows[:, None]
        return sums[None], rows[None]

    def sums(self, table: Table, block: int) -> tuple[Floats, Floats]:
        """Sum up the scores of blocks of rows: [blocks, channels, scores]; and count the usable rows."""
        codes = np.empty((table.rows, len(self.channels)), np.intp)
        for index, channel in enumerate(self.channels):
            codes[:, index] = channel.codes(table.columns[channel.name])
        codes[codes < 0] = self._unusable
        codes += self._first
        seen = self._table.take(codes.ravel(), axis=0).reshape(
            -1, block, *codes.shape[1:], self._table.shape[1]
        )
        summed = np.add.reduce(seen, axis=1)
        sums, rows = summed[:, :, :-1], summed[:, :, -1]
        if self._ordinary is not None and table.times_ms is not None:
            ordinary = self._ordinary[phase(table.times_ms, self._hours)]
            ordinary = ordinary.reshape(-1, block, *ordinary.shape[1:]).sum(axis=1)
            sums = sums - ordinary * (rows / block)[:, :, None]
        return sums, rows


def grouped(channels: Sequence[Channel], hours: int, budget: float) -> list[Group]:
    """Put channels with one score, a few and many into a group each."""
    sorts: dict[int, list[Channel]] = {}
    for channel in channels:
        scores = len(channel.scores)
        sorts.setdefault((scores > 1) + (scores > WIDE), []).append(channel)
    return [Group(members, hours, budget) for members in sorts.values()]


def silence(groups: Sequence[Group], names: Set[str], *, silent: bool) -> None:
    """Take columns out of the search, or back in as the reference has them."""
    for group in groups:
        for index, channel in enumerate(group.channels):
            if channel.name in names:
                group.bank.silence(index, silent)


def silenced(groups: Sequence[Group]) -> set[str]:
    """Name the columns that are out of the search."""
    return {group.channels[index].name for group in groups for index in group.bank.silent}
