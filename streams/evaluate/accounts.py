"""Adds up the accounts of all partitions, and judges whether events can be used and are in time."""

from msgspec import Struct

from watchkeeper.detectors.checks.judge_account import ACCOUNT_CHECKS, judge_account
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.findings import Kind, WindowFindings
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.profiles import KindAccount, SubjectAccount

EVENTS_ENOUGH = 1000
"""Number of events that are judged at once, without waiting longer. Chosen by hand: a page within seconds
where there is traffic."""
WAIT_MS = 60_000
"""Longest wait in ms for more events once `EVENTS_MIN` came. Chosen by hand: a page within a minute or so."""
EVENTS_MIN = 20
"""Number of events that are judged after `WAIT_MS`; fewer wait for a whole window. Chosen by hand."""
SAMPLES_MAX = 5
"""Most rejected events that a finding quotes. Chosen by hand: a page shows no more."""


class OpenAccount(Struct):
    """The accounts of one subject that are not judged yet."""

    began_ms: int
    """When the first of them was sent, by its sender's clock."""
    kinds: dict[Kind, KindAccount] = {}
    """The sums by kind."""
    samples: list[str] = []
    """Some rejected events."""

    @property
    def events(self) -> int:
        """The number of events, without repeats."""
        return sum(each.published for each in self.kinds.values())

    def add(self, message: SubjectAccount) -> None:
        """Add the account of one partition."""
        for kind, account in message.kinds.items():
            self.kinds.setdefault(kind, KindAccount()).add(account)
        self.samples = [*self.samples, *message.samples][:SAMPLES_MAX]

    def is_due(self, now_ms: int, window_ms: int) -> bool:
        """Return whether there is enough to judge, or a whole window has passed.

        Args:
            now_ms: The clock of the sender of the last account.
            window_ms: The length of a window of the subject.
        """
        waited_ms = now_ms - self.began_ms
        if self.events >= EVENTS_ENOUGH:
            return True
        return waited_ms >= window_ms or (waited_ms >= WAIT_MS and self.events >= EVENTS_MIN)


class Accounts(Struct):
    """The open accounts of all subjects. The encoded struct is the snapshot."""

    subjects: dict[str, OpenAccount] = {}
    """By subject."""

    def note(self, message: SubjectAccount) -> OpenAccount:
        """Add one message; return the open account of its subject."""
        account = self.subjects.setdefault(message.subject, OpenAccount(message.now_ms))
        account.add(message)
        return account

    def take(self, subject: str, monitor: Monitor, now_ms: int, end_ms: int) -> WindowFindings | None:
        """Return the judgement of an account that is due, and begin a new one; None if it is not due.

        The finding has no version: rejected events may name none.

        Args:
            subject: The subject.
            monitor: The monitor in force.
            now_ms: The clock of the sender of the last account.
            end_ms: The subject's event time now; the judged span ends there.
        """
        account = self.subjects[subject]
        if not account.is_due(now_ms, milliseconds(monitor.windows.size)):
            return None
        del self.subjects[subject]
        findings = judge_account(account.kinds, account.samples, monitor.sensitivity)
        kind: Kind = "predictions" if monitor.model else "features"
        start_ms = min(end_ms - 1, end_ms - (now_ms - account.began_ms))
        return WindowFindings(subject, "", kind, start_ms, end_ms, 0, findings, [*ACCOUNT_CHECKS])
