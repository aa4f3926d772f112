"""Recognises that the log under a checkpoint has changed, and says where reading goes on.

An offset is no identity: after a topic was created again, restored or cut off, the same offset is another
record. So a checkpoint holds a mark of each log, which is compared with what the broker says now.
"""

from typing import Literal, NamedTuple, get_args

from watchkeeper.streams.fold.log_state import LogMark
from watchkeeper.streams.kafka.log_facts import UNKNOWN, LogFacts

__all__ = ["CHANGES", "Change", "LogChange", "examine"]

Change = Literal["recreated", "truncated", "overtaken", "checkpoint_lost", "checkpoint_behind", "rewound"]
"""The ways in which a log and its checkpoint can come apart."""
CHANGES: tuple[Change, ...] = get_args(Change)
"""All of them."""
MEANINGS: dict[Change, str] = {
    "recreated": "the topic was deleted and created again; its new log is read from the start",
    "truncated": "the end of the log went back; reading goes on at the new end",
    "overtaken": "records were deleted before they were read; reading goes on at the first that is left",
    "checkpoint_lost": "the checkpoint is gone, but the group has committed offsets; the state starts empty",
    "checkpoint_behind": "the newest checkpoints are gone; records up to the committed offset are folded "
    "again, and their outputs are not sent again",
    "rewound": "an operator has chosen where reading goes on",
}
"""What each change means, and how a keeper goes on."""


class LogChange(NamedTuple):
    """One change of the log of a topic, and how to go on."""

    change: Change
    position: int
    """The offset to read next."""
    lost_from: int = 0
    """The first offset that can't be read any more, of those that were not read."""
    lost_to: int = 0
    """The offset after the last one. Equal to `lost_from`: nothing that is known is lost."""
    refold_to: int = 0
    """Records below this offset are folded again, and their outputs are dropped."""

    @property
    def lost(self) -> int:
        """Return the number of lost offsets."""
        return self.lost_to - self.lost_from

    @property
    def changes_log(self) -> bool:
        """Return whether offsets of the log no longer mean the same records."""
        return self.change in ("recreated", "truncated")

    @property
    def changes_checkpoint(self) -> bool:
        """Return whether outputs may have been sent after the checkpoint."""
        return self.change in ("checkpoint_lost", "checkpoint_behind")

    @property
    def valid_to(self) -> int:
        """Return the offset from which on other records have the offsets of the old ones."""
        return 0 if self.change == "recreated" else self.position


def examine(mark: LogMark | None, position: int | None, now: LogFacts) -> list[LogChange]:
    """Compare a checkpoint with the log that it refers to.

    Args:
        mark: The mark in the checkpoint; None: it has none, because an older program wrote it.
        position: The offset to read next, by the checkpoint; None: there is no checkpoint.
        now: What the broker says.

    Returns:
        The changes in the order in which they apply. The last one says where to go on.

    >>> examine(LogMark("a", 0, 90), 80, LogFacts("b", 0, 10))
    [LogChange(change='recreated', position=0, lost_from=80, lost_to=90, refold_to=0)]
    >>> examine(LogMark("a", 0, 90), 80, LogFacts("a", 85, 99))
    [LogChange(change='overtaken', position=85, lost_from=80, lost_to=85, refold_to=0)]
    """
    start = max(now.start, 0)
    if position is None:
        return _without_checkpoint(start, now)
    known = mark or LogMark()
    unread_end = max(position, known.end)
    if _is_another_log(known, position, now):
        return [LogChange("recreated", start, position, unread_end)]
    found = []
    if UNKNOWN < now.end < unread_end:
        lost_from, position = max(position, now.end), min(position, now.end)
        found.append(LogChange("truncated", position, lost_from, unread_end))
    if position < start and (position or mark is not None):
        found.append(LogChange("overtaken", start, position, start))
        position = start
    if now.committed > position and (now.end == UNKNOWN or now.committed <= now.end):
        found.append(LogChange("checkpoint_behind", position, refold_to=now.committed))
    return found


def _without_checkpoint(start: int, now: LogFacts) -> list[LogChange]:
    if now.committed <= 0:
        return []
    if now.compacted or UNKNOWN < now.end < now.committed:
        return [LogChange("checkpoint_lost", start)]
    lost = [LogChange("checkpoint_lost", now.committed)]
    if now.committed < start:
        lost.append(LogChange("overtaken", start, now.committed, start))
    return lost


def _is_another_log(mark: LogMark, position: int, now: LogFacts) -> bool:
    if mark.id and now.id:
        return mark.id != now.id
    return UNKNOWN < now.end < position
