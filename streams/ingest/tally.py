"""Counts what became of each subject's events, and reports it to evaluate while a subject has trouble."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import KindAccount, PublisherClock, SubjectAccount
from watchkeeper.schemas.rejections import Reason

REPORT_MS = 5_000
"""Shortest time in ms between two reports about a subject. Chosen by hand: delay of an alert against load."""
SAMPLES_MAX = 3
"""Most rejected events that one report quotes. Chosen by hand: a page shows no more."""
SAMPLE_CHARACTERS = 300
"""Most characters of one quoted event. Chosen by hand: a page shows no more."""
WATCHED_WINDOWS = 3
"""For how many windows with events, and without trouble, a subject is still reported. Chosen by hand: an
alert resolves after two good windows."""


class SubjectTally(Struct):
    """The counts of one subject since its last report."""

    kinds: dict[Kind, KindAccount] = {}
    """The account of each kind of events."""
    samples: list[str] = []
    """Some rejected events."""
    trouble_ms: int = 0
    """When the last event with trouble was read, by the worker's clock; 0: never."""
    good: int = 0
    """Windows with events since the last trouble. A pause of the publisher does not count."""
    good_ms: int = 0
    """When the last of them was counted, or the last trouble was read."""
    sent_ms: int = 0
    """When the counts were reported or dropped last."""

    def of(self, kind: Kind) -> KindAccount:
        """Return the account of a kind."""
        return self.kinds.setdefault(kind, KindAccount())

    @property
    def has_trouble(self) -> bool:
        """Whether any event since the last report was late or rejected, or all were of other environments."""
        kinds = self.kinds.values()
        return any(each.late or each.rejected or (each.other and not each.accepted) for each in kinds)


class Tallies:
    """The tallies of all subjects in one partition.

    Args:
        source: The partition, as `ingest/<partition>`.
        saved: The tallies of a checkpoint.
    """

    def __init__(self, source: str, saved: dict[str, SubjectTally] | None = None) -> None:
        self._source = source
        self._tallies = saved or {}

    def of(self, subject: str) -> SubjectTally:
        """Return the tally of a subject."""
        return self._tallies.setdefault(subject, SubjectTally())

    def count(self, kind: Kind, subject: str, accepted: int, late: int, duplicate: int) -> None:
        """Count the valid events of a chunk."""
        account = self.of(subject).of(kind)
        account.accepted += accepted
        account.late += late
        account.duplicate += duplicate

    def reject(self, kind: Kind, subject: str, reason: Reason, sample: str) -> None:
        """Count a rejected event.

        Args:
            kind: The kind of the event.
            subject: The subject that it names.
            reason: Why it was rejected.
            sample: Its place and what is wrong, for people.
        """
        tally = self.of(subject)
        account = tally.of(kind)
        account.rejected += 1
        account.reasons[reason] = account.reasons.get(reason, 0) + 1
        if len(tally.samples) < SAMPLES_MAX:
            tally.samples.append(sample[:SAMPLE_CHARACTERS])

    def measure(self, kind: Kind, subject: str, publisher: str, clock: PublisherClock) -> None:
        """Add measured differences of event and append time.

        Args:
            kind: The kind of the events.
            subject: The subject.
            publisher: The `ce_source` of the events; empty if they name none.
            clock: The differences.
        """
        self.of(subject).of(kind).add(KindAccount(clocks={publisher: clock}))

    def reports(self, now_ms: int, window_ms: Callable[[str], int | None]) -> Iterator[SubjectAccount]:
        """Yield the reports that are due. The counts of subjects without trouble are dropped.

        Args:
            now_ms: The worker's clock.
            window_ms: Returns the length of a subject's windows; None if it is not watched any more.
        """
        for subject, tally in list(self._tallies.items()):
            if not 0 <= now_ms - tally.sent_ms < REPORT_MS or tally.has_trouble > bool(tally.trouble_ms):
                yield from self._report(subject, tally, now_ms, window_ms(subject))

    def _report(
        self, subject: str, tally: SubjectTally, now_ms: int, window_ms: int | None
    ) -> Iterator[SubjectAccount]:
        if tally.has_trouble:
            tally.trouble_ms = tally.good_ms = now_ms
            tally.good = 0
        if not tally.trouble_ms or window_ms is None or tally.good >= WATCHED_WINDOWS:
            del self._tallies[subject]
            return
        if any(each.published for each in tally.kinds.values()):
            if now_ms - tally.good_ms >= window_ms:
                tally.good, tally.good_ms = tally.good + 1, now_ms
            yield SubjectAccount(self._source, now_ms, subject, tally.kinds, tally.samples)
        tally.kinds, tally.samples, tally.sent_ms = {}, [], now_ms

    def saved(self) -> dict[str, SubjectTally]:
        """Return the tallies of subjects that had trouble lately, for a checkpoint."""
        return {name: each for name, each in self._tallies.items() if each.trouble_ms or each.has_trouble}
