"""What the last blocks of rows came to, kept to say since when there is a change."""

from collections.abc import Sequence

import numpy as np

from watchkeeper.detectors.profiles.columns import Floats

Sums = tuple[Floats, Floats]
"""Of blocks: sums of scores [blocks, channels, scores], and usable rows [blocks, channels]."""


class History:
    """The last blocks of each group of channels, at most so many.

    The means of a bank follow the stream only by what leaves the history: a change does not become ordinary
    while it is looked for.

    >>> history, ones = History(2), (np.ones((3, 1, 1)), np.ones((3, 1)))
    >>> [(sums, rows)] = history.leaving([ones])
    >>> rows.ravel().tolist()  # the third drives out the first
    [0.0, 0.0, 1.0]
    >>> history.add([ones])
    >>> len(history)
    2
    """

    def __init__(self, blocks_max: int) -> None:
        self._blocks_max = blocks_max
        self.groups: list[Sums] = []
        """Of each group, oldest first."""

    def __len__(self) -> int:
        return len(self.groups[0][0]) if self.groups else 0

    def leaving(self, new: Sequence[Sums]) -> list[Sums]:
        """Give what each of some new blocks drives out; zeros while there is room."""
        room = self._blocks_max - len(self)
        count = len(new[0][0]) if new else 0
        return [(_late(sums, room, count), _late(rows, room, count)) for sums, rows in self._then(new)]

    def add(self, new: Sequence[Sums]) -> None:
        """Keep new blocks, and forget the oldest."""
        self.groups = cut(self._then(new), -self._blocks_max, None)

    def clear(self) -> None:
        """Forget all."""
        self.groups = []

    def _then(self, new: Sequence[Sums]) -> list[Sums]:
        if not self.groups:
            return list(new)
        return [
            (np.concatenate((sums, more)), np.concatenate((rows, others)))
            for (sums, rows), (more, others) in zip(self.groups, new, strict=True)
        ]


def cut(groups: Sequence[Sums], start: int, end: int | None) -> list[Sums]:
    """Take blocks by position, of each group."""
    return [(sums[start:end], rows[start:end]) for sums, rows in groups]


def _late(blocks: Floats, room: int, count: int) -> Floats:
    """Give the first blocks once there is no more room; zeros before."""
    late = np.zeros((count, *blocks.shape[1:]))
    late[room:] = blocks[: max(0, count - room)]
    return late
