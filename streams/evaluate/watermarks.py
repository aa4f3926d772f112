"""The event time that each subject and kind has reached, over all sources that send panes."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Watermark
from watchkeeper.schemas.times import BEGINNING_MS

SURE_MS = 200
"""Milliseconds allowed for the difference of two machines' clocks and for a record's way from its producer to
a reader. Chosen by hand: a larger number allows worse clocks and delays windows of idle subjects."""


class SourceWatermark(Struct, array_like=True):
    """The last message of one source about one subject and kind."""

    time_ms: int
    """The highest event time that the source has reached."""
    idle: bool
    """Whether the source is idle."""


class SubjectReport(NamedTuple):
    """The content of a message about one subject and kind."""

    kind: Kind
    subject: str
    time_ms: int
    """The event time reached."""
    alive: bool
    """Whether rows arrived since the source's previous message, or the source fell idle only now."""


class Progress(Struct):
    """How far one subject's events of one kind have come."""

    sources: dict[str, SourceWatermark] = {}
    """Source -> its last message."""
    reached_ms: int = BEGINNING_MS
    """All panes that end at or before this time have arrived. It never decreases."""
    least_ms: int = BEGINNING_MS
    """The event time that all active sources have reached."""
    least_at_ms: int = BEGINNING_MS
    """When the last of them reached it, by its own clock."""
    claimed_ms: int = BEGINNING_MS
    """The time that is reached once the idle sources have confirmed that they are idle."""
    claimed_at_ms: int = BEGINNING_MS
    """Only confirmations after this time count."""
    idle: bool = False
    """Whether all sources are idle: they have read to the end and found no rows for a while."""
    changed_ms: int = BEGINNING_MS
    """When a source last read rows or fell idle, by its own clock."""


class Watermarks(Struct):
    """The event time reached by all sources. The encoded struct is the snapshot.

    >>> marks = Watermarks()
    >>> for source, time_ms in (("ingest/0", 100), ("ingest/1", 70)):
    ...     _ = marks.note(Watermark(source, 0, {"labels": {"m": time_ms}}, {}), ["ingest/0", "ingest/1"])
    >>> marks.settle()
    {'m'}
    >>> marks.of("labels", "m").reached_ms
    70
    """

    progress: dict[Kind, dict[str, Progress]] = {}
    clocks: dict[str, int] = {}
    """Source -> the latest time on its clock."""
    beats: dict[str, int] = {}
    """Source -> when it last confirmed that all its idle subjects are still idle."""

    def of(self, kind: Kind, subject: str) -> Progress:
        """Return the progress of a subject."""
        return self.progress.get(kind, {}).get(subject) or Progress()

    def note(
        self, message: Watermark, expected: Sequence[str], is_watched: Callable[[str], bool] = bool
    ) -> list[SubjectReport]:
        """Record one message, and return its content about watched subjects.

        Args:
            message: The message.
            expected: All sources.
            is_watched: Whether a subject has a monitor.
        """
        self.clocks[message.source] = max(message.now_ms, self.clocks.get(message.source, BEGINNING_MS))
        if not message.event_time_ms and not message.idle:
            self.beats[message.source] = message.now_ms
        return [
            self._note_one(kind, subject, message, expected)
            for kind, subject in _named(message)
            if is_watched(subject)
        ]

    def _note_one(
        self, kind: Kind, subject: str, message: Watermark, expected: Sequence[str]
    ) -> SubjectReport:
        progress = self.progress.setdefault(kind, {}).setdefault(subject, Progress())
        last = progress.sources.setdefault(message.source, SourceWatermark(BEGINNING_MS, True))
        idle = subject in message.idle.get(kind, ())
        news = SubjectReport(
            kind,
            subject,
            message.event_time_ms.get(kind, {}).get(subject, BEGINNING_MS),
            not (idle and last.idle),
        )
        if news.alive:
            progress.changed_ms = max(progress.changed_ms, message.now_ms)
        last.time_ms, last.idle = max(last.time_ms, news.time_ms), idle
        _advance(progress, expected, message.now_ms)
        return news

    def is_surely_idle(self, kind: Kind, subject: str) -> bool:
        """Return whether all sources are idle, and have confirmed it after the last of them fell idle.

        A source that has died meanwhile may have rows that nobody has read yet.
        """
        progress = self.of(kind, subject)
        sure_ms = progress.changed_ms + SURE_MS
        return progress.idle and all(
            self.beats.get(source, BEGINNING_MS) >= sure_ms for source in progress.sources
        )

    def settle(self) -> set[str]:
        """Advance the subjects whose claims are confirmed, and return them."""
        moved = set()
        for subjects in self.progress.values():
            for subject, progress in subjects.items():
                while _settle(progress, self.beats):
                    moved.add(subject)
        return moved

    def clock_ms(self, expected: Sequence[str]) -> int:
        """Return the time that the clocks of all sources have passed.

        This worker's clock does not count: while a source is down, its events are unknown.
        """
        return min((self.clocks.get(source, BEGINNING_MS) for source in expected), default=BEGINNING_MS)

    def closing_ms(self, kind: Kind, subject: str) -> int:
        """Return the event time up to which windows of a kind may close.

        Windows of labels close no further than predictions have come. Ingest ensures that within a partition,
        but one partition may have labels only, and others predictions.
        """
        reached_ms = self.of(kind, subject).reached_ms
        predictions = self.of("predictions", subject)
        if kind == "labels" and predictions.sources and not predictions.idle:
            return min(reached_ms, predictions.reached_ms)
        return reached_ms

    def idle_closing_ms(self, kind: Kind, subject: str, until_ms: int) -> int:
        """Return the time up to which an idle subject's windows close by the clocks of the sources.

        Args:
            kind: The kind of windows.
            subject: The subject.
            until_ms: The time that the clocks have passed, less the allowed lateness.
        """
        if not self.is_surely_idle(kind, subject):
            return BEGINNING_MS
        predictions = self.of("predictions", subject)
        if kind == "labels" and not predictions.idle and predictions.reached_ms > BEGINNING_MS:
            # In a replay of a past year, labels that pause wait for the predictions, not for the clock.
            return min(until_ms, predictions.reached_ms)
        return until_ms

    def idle_subjects(self) -> set[str]:
        """Return the subjects that are idle at all sources in one of their kinds."""
        return {
            subject
            for subjects in self.progress.values()
            for subject, progress in subjects.items()
            if progress.idle
        }

    def forget(self, is_watched: Callable[[str], bool]) -> None:
        """Drop the subjects that are no longer watched."""
        for kind, subjects in self.progress.items():
            self.progress[kind] = {name: progress for name, progress in subjects.items() if is_watched(name)}


def _named(message: Watermark) -> list[tuple[Kind, str]]:
    named = [(kind, subject) for kind, times in message.event_time_ms.items() for subject in times]
    named += [(kind, subject) for kind, subjects in message.idle.items() for subject in subjects]
    return list(dict.fromkeys(named))


def _advance(progress: Progress, expected: Sequence[str], now_ms: int) -> None:
    found = [progress.sources.get(source) for source in expected]
    known = [each for each in found if each is not None]
    active = [each.time_ms for each in known if not each.idle]
    progress.idle = not active and len(known) == len(found)
    if len(known) < len(found):
        return
    # If all are idle, the furthest source counts, so that the order in which they fell idle does not matter.
    least_ms = min(active) if active else max((each.time_ms for each in known), default=BEGINNING_MS)
    if least_ms != progress.least_ms:
        progress.least_ms, progress.least_at_ms = least_ms, now_ms
    progress.claimed_ms = min(progress.claimed_ms, least_ms)  # a source that counted as idle is behind
    _claim(progress)


def _claim(progress: Progress) -> None:
    """Claim the time that the active sources have reached, unless an earlier claim is still open."""
    if progress.claimed_ms <= progress.reached_ms < progress.least_ms:
        progress.claimed_ms, progress.claimed_at_ms = progress.least_ms, progress.least_at_ms


def _settle(progress: Progress, clocks: Mapping[str, int]) -> bool:
    """Accept the claim once every idle source has confirmed after it that it is idle; return whether it was.

    A message proves idleness only up to its own time. Rows that the source read since then may belong to the
    same panes.
    """
    if progress.claimed_ms <= progress.reached_ms:
        return False
    idle = (source for source, last in progress.sources.items() if last.idle)
    if any(clocks.get(source, BEGINNING_MS) < progress.claimed_at_ms + SURE_MS for source in idle):
        return False
    progress.reached_ms = progress.claimed_ms
    _claim(progress)
    return True
