"""Groups of channels with about as many scores each, which are watched together."""

from collections.abc import Sequence, Set

import numpy as np

from watchkeeper.detectors.engine.bank import Bank
from watchkeeper.detectors.engine.channel import Channel
from watchkeeper.detectors.engine.season import phase
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.tables.table import Table

_MOMENTS = 24
"""Number of moments in a span of time at which the season is looked up. Chosen by hand: one an hour for a
day."""
WIDE = 4
"""Number of scores above which a channel is kept apart, so that arrays of other channels stay narrow.

The four scores of a column of numbers set it (`watchkeeper.detectors.engine.scores.MOMENTS`).
"""


class Group:
    """Channels, the scores of their bins, and the bank that bets on them.

    Args:
        channels: At least one channel.
        hours: Length of the season's cycle in hours; 0: no season.
        budget: Mean number of rows (or milliseconds) to a false alarm of all groups together.
    """

    def __init__(self, channels: Sequence[Channel], hours: int, budget: float) -> None:
        self.channels = list(channels)
        bins = max(len(channel.scores[0]) for channel in channels) + 1
        width = max(len(channel.scores) for channel in channels)
        self._hours = hours
        self._first = np.arange(len(channels)) * bins
        # The scores of each bin, then 1 for a usable row. A channel's last bin is for unusable rows.
        self._scores = np.zeros((len(channels), bins, width + 1))
        self._usual = np.zeros((hours, len(channels), width)) if hours else None
        for index, channel in enumerate(channels):
            table = np.array(channel.scores).T
            self._scores[index, : len(table), : table.shape[1]] = table
            self._scores[index, : len(table), width] = 1.0
            if channel.season is not None and self._usual is not None:
                self._usual[:, index, : table.shape[1]] = channel.season
        self._unusable = bins - 1
        self._table = self._scores.reshape(-1, width + 1)
        weights = np.array([channel.weight for channel in channels])
        self.bank = Bank([channel.column for channel in channels], weights, budget)

    def sums_of(self, counts: Sequence[Floats], start_ms: float, end_ms: float) -> tuple[Floats, Floats]:
        """Sum the scores of one block of rows from the counts of each channel's bins.

        Args:
            counts: Number of rows in each bin, of shape (bins,), for each channel.
            start_ms: Start of the block in milliseconds since 1970.
            end_ms: End of the block in milliseconds since 1970.

        Returns:
            Sums of shape (1, channels, scores), and usable rows of shape (1, channels).
        """
        rows = np.array([each.sum() for each in counts])
        sums = np.stack(
            [each @ table[: len(each), :-1] for each, table in zip(counts, self._scores, strict=True)]
        )
        if self._usual is not None:
            times = np.arange(start_ms, end_ms, max(1.0, (end_ms - start_ms) / _MOMENTS))
            sums = sums - self._usual[phase(times, self._hours)].mean(axis=0) * rows[:, None]
        return sums[None], rows[None]

    def sums(self, table: Table, block: int) -> tuple[Floats, Floats]:
        """Sum the scores of blocks of rows.

        Args:
            table: Rows; their number is a multiple of `block`.
            block: Number of rows in a block.

        Returns:
            Sums of shape (blocks, channels, scores), and usable rows of shape (blocks, channels).
        """
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
        if self._usual is not None and table.times_ms is not None:
            usual = self._usual[phase(table.times_ms, self._hours)]
            usual = usual.reshape(-1, block, *usual.shape[1:]).sum(axis=1)
            sums = sums - usual * (rows / block)[:, :, None]
        return sums, rows


def grouped(channels: Sequence[Channel], hours: int, budget: float) -> list[Group]:
    """Put channels into groups: those with one score, with a few, and with many.

    Args:
        channels: The channels.
        hours: Length of the season's cycle in hours; 0: no season.
        budget: Mean number of rows (or milliseconds) to a false alarm of all groups together.
    """
    sorts: dict[int, list[Channel]] = {}
    for channel in channels:
        scores = len(channel.scores)
        sorts.setdefault((scores > 1) + (scores > WIDE), []).append(channel)
    return [Group(members, hours, budget) for members in sorts.values()]


def silence(groups: Sequence[Group], names: Set[str], *, silent: bool) -> None:
    """Take columns out of the search, or put them back with the reference's means.

    Args:
        groups: The groups.
        names: Names of the columns.
        silent: Whether the columns are out of the search.
    """
    for group in groups:
        for index, channel in enumerate(group.channels):
            if channel.name in names:
                group.bank.silence(index, silent)


def silenced(groups: Sequence[Group]) -> set[str]:
    """Return the names of the columns that are out of the search.

    Args:
        groups: The groups.
    """
    return {group.channels[index].name for group in groups for index in group.bank.silent}
