"""How far a keeper has read each of its topics, and the account of the offsets that it passed."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from watchkeeper.streams.fold.log_change import LogChange, examine
from watchkeeper.streams.fold.log_state import LogMark, LogState, Noted, Passage
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.kafka.log_facts import UNKNOWN, LogFacts

GAPS_MAX = 1_000
"""Maximum gaps of a topic that are kept until its log is looked at. Chosen by hand: it bounds memory."""

Facts = Mapping[str, LogFacts]
"""By topic, what the broker says of its log in the partition of a keeper."""


async def no_facts(_: "Positions") -> Facts:
    """Return that nothing is known of the logs."""
    return {}


class Positions:
    """The positions of one keeper in its topics.

    >>> positions = Positions()
    >>> fresh = positions.unread("labels", [Record(4, 0, None, None), Record(6, 0, None, None)])
    >>> positions.move("labels", fresh, folded=2)
    >>> positions.next("labels"), positions.logs["labels"].passage.gaps
    (7, 5)
    """

    def __init__(self) -> None:
        self.offsets: dict[str, int] = {}
        """Topic -> offset of the last record that was passed."""
        self.logs: dict[str, LogState] = {}
        """Topic -> what is known of its log."""
        self.changes: list[tuple[str, LogChange]] = []
        """The topics whose logs have changed, and how. The worker reports and clears them."""
        self._gaps: dict[str, list[tuple[int, int]]] = {}

    def next(self, topic: str) -> int:
        """Return the offset after the last passed record of a topic."""
        return self.offsets.get(topic, -1) + 1

    def restore(self, offsets: Mapping[str, int], logs: Mapping[str, LogState]) -> None:
        """Take the positions of a checkpoint."""
        self.offsets, self.logs = dict(offsets), dict(logs)

    def saved(self) -> tuple[dict[str, int], dict[str, LogState]]:
        """Return copies of the positions and logs, for a checkpoint."""
        logs = {
            topic: LogState(
                log.mark, replace(log.passage), {name: replace(n) for name, n in log.changes.items()}
            )
            for topic, log in self.logs.items()
        }
        return dict(self.offsets), logs

    def unread(self, topic: str, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that were not passed before."""
        last = self.offsets.get(topic, -1)
        if not records or records[-1].offset <= last:
            return ()
        if records[0].offset <= last:
            return [record for record in records if record.offset > last]
        return records

    def move(self, topic: str, unread: Sequence[Record], folded: int) -> None:
        """Move on behind records.

        Args:
            topic: The topic.
            unread: The records that `unread` returned.
            folded: How many of them were folded. The others repeat outputs that were folded before.
        """
        if not unread:
            return
        first, end = self.next(topic), unread[-1].offset + 1
        passage = self._log(topic).passage
        passage.passed += end - first
        passage.folded += folded
        passage.repeated += len(unread) - folded
        if unread[0].offset > first:
            gaps = self._gaps.setdefault(topic, [])
            gaps.append((first, unread[0].offset))
            del gaps[:-GAPS_MAX]
        self.offsets[topic] = end - 1

    def compare(self, facts: Facts, is_known: bool, now_ms: int) -> list[tuple[str, LogChange]]:
        """Compare the checkpoint with the logs, go on where they say, and return the changes by topic.

        Args:
            facts: What the broker says.
            is_known: Whether there is a checkpoint.
            now_ms: The current time, since 1970.
        """
        found = []
        for topic, log in facts.items():
            at = self.next(topic) if is_known else None
            for change in examine(self._mark(topic), at, log):
                found.append((topic, change))
                self.go_on(topic, change, now_ms)
            self.start_at(topic, log.start)
            self.mark(topic, log, self.next(topic), now_ms)
        self.changes += found
        return found

    def is_cut(self, facts: Facts) -> bool:
        """Return whether the end of a log lies before the position, or before an earlier end."""
        for topic, log in facts.items():
            mark = self._mark(topic) or LogMark()
            if UNKNOWN < log.end < max(self.offsets.get(topic, -1) + 1, mark.end):
                return True
        return False

    def look(self, facts: Facts, before: Mapping[str, int], now_ms: int) -> bool:
        """Compare the logs with their marks while records are read; return whether one has changed.

        Args:
            facts: What the broker says.
            before: The positions of the topics before the broker was asked. They may have moved on since.
            now_ms: The current time, since 1970.
        """
        for topic, log in facts.items():
            start = log.start if self.next(topic) < log.start else UNKNOWN
            now = log._replace(committed=UNKNOWN, start=start)
            if examine(self._mark(topic), before.get(topic, self.next(topic)), now):
                return True
        for topic, log in facts.items():
            at = before.get(topic, self.next(topic))
            self.changes += [(topic, lost) for lost in self.mark(topic, log, at, now_ms)]
        return False

    def go_on(self, topic: str, change: LogChange, now_ms: int) -> None:
        """Move to where a change says, and note it."""
        passage = self._log(topic).passage
        passage.passed += change.lost
        passage.lost += change.lost
        self.offsets[topic] = change.position - 1
        self._note(topic, change, now_ms)

    def start_at(self, topic: str, start: int) -> None:
        """Begin a topic that was never read. What was deleted before is not lost: nobody was to read it."""
        if start > 0 and topic not in self.offsets:
            self.offsets[topic] = start - 1

    def mark(self, topic: str, facts: LogFacts, before: int, now_ms: int) -> list[LogChange]:
        """Take over what the broker says of a log that has not changed.

        Args:
            topic: The topic.
            facts: What the broker says.
            before: The position before the broker was asked.
            now_ms: The current time, since 1970.

        Returns:
            The gaps among the records read since the last call that are gone from the log by now: records
            that were deleted before they were read. Gaps of transactions and compaction are not among them.
        """
        log = self._log(topic)
        log.mark = LogMark(facts.id, facts.start, facts.end, facts.epoch)
        gaps = self._gaps.pop(topic, [])
        self._gaps[topic] = [gap for gap in gaps if gap[1] > before]
        gone = [(first, min(end, facts.start)) for first, end in gaps if end <= before]
        lost = [LogChange("overtaken", end, first, end) for first, end in gone if first < end]
        for change in lost:
            log.passage.lost += change.lost
            self._note(topic, change, now_ms)
        return lost

    def _note(self, topic: str, change: LogChange, now_ms: int) -> None:
        noted = self._log(topic).changes.setdefault(change.change, Noted())
        noted.count += 1
        noted.at_ms = now_ms
        if change.lost:
            noted.lost += change.lost
            noted.lost_at_ms = now_ms
            noted.lost_from, noted.lost_to = change.lost_from, change.lost_to

    def _mark(self, topic: str) -> LogMark | None:
        """Return the mark of a topic; None if its log was never looked at."""
        log = self.logs.get(topic)
        return None if log is None or log.mark == LogMark() else log.mark

    def _log(self, topic: str) -> LogState:
        if topic not in self.logs:
            self.logs[topic] = LogState(LogMark(), Passage(), {})
        return self.logs[topic]
