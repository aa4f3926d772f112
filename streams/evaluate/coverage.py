"""Notices that labels do not come: predictions old enough to have theirs, and far too few labels since."""

from typing import NamedTuple

from msgspec import Struct, field

from watchkeeper.schemas.findings import Finding, WindowFindings

FEWEST = 0.5
"""Labels below this share of the expected ones are missing."""
EXPECTED_MIN = 50
"""Where so many are expected, less than half of them is no chance: 3 in 100,000 by Poisson's distribution."""


class Expectation(NamedTuple):
    """What is to be expected of labels."""

    within_ms: int
    window_ms: int
    min_labels: int
    share: float | None
    """The share of predictions that got a label in the reference; None where that is not known."""

    @property
    def wait_ms(self) -> int:
        """Give the time from a cohort's start until all its labels have come.

        Whole windows, so that counts per window are enough.
        """
        return -(-self.within_ms // self.window_ms) * self.window_ms + self.window_ms


class CohortCoverage(NamedTuple):
    """The judgement on one cohort."""

    end_ms: int
    """When the wait ended."""
    rows: int
    finding: Finding | None
    window_ms: int


class Expectations(NamedTuple):
    """What is expected as it changes with time, the oldest first: from when, and what; None is nothing."""

    changes: list[tuple[int, Expectation | None]]

    def at(self, time_ms: int) -> Expectation | None:
        """Return what is expected of the predictions of a time."""
        return next((wanted for from_ms, wanted in reversed(self.changes) if from_ms <= time_ms), None)

    def bucket(self, time_ms: int) -> int | None:
        """Return the start of a time's cohort; None if nothing is expected then."""
        for from_ms, wanted in reversed(self.changes):
            if from_ms <= time_ms:
                return max(time_ms // wanted.window_ms * wanted.window_ms, from_ms) if wanted else None
        return None


class Coverage(Struct):
    """Counts of predictions and labels of one subject and version; encoding the struct is the snapshot.

    A cohort is the predictions of one window of event time, P rows. All labels that it is to get have come
    `within_ms` later, among the L labels that became known from its start until then. So in health L >= share
    * P, whatever the lag, the traffic and the batches in which labels come; L < 0.5 * share * P is a fault.
    The share is the reference's, or that of the cohorts before; if unknown, only no label at all is one.
    Small cohorts are judged where enough labels are expected, though too few to measure performance on.
    """

    predictions: dict[int, int] = field(default_factory=dict)
    labels: dict[int, int] = field(default_factory=dict)
    old_predictions: int = 0
    old_labels: int = 0

    def add(self, labels: bool, bucket_ms: int, rows: int) -> None:
        """Count the rows of one pane, by the start of its cohort."""
        counts = self.labels if labels else self.predictions
        counts[bucket_ms] = counts.get(bucket_ms, 0) + rows

    def judge(self, until_ms: int, expected: Expectations) -> list[CohortCoverage]:
        """Judge cohorts that are old enough."""
        judged = []
        for start_ms in sorted(self.predictions):
            wanted = expected.at(start_ms)
            if wanted is None:  # no more: their monitor is forgotten
                del self.predictions[start_ms]
                continue
            if start_ms + wanted.wait_ms > until_ms:
                break
            rows = self.predictions.pop(start_ms)
            came = sum(n for at_ms, n in self.labels.items() if start_ms <= at_ms < start_ms + wanted.wait_ms)
            share = self._usual(wanted)
            enough = rows >= wanted.min_labels or (share or 0.0) * rows >= EXPECTED_MIN
            finding = _finding(rows, came, share) if enough else None
            if enough:
                judged.append(CohortCoverage(start_ms + wanted.wait_ms, rows, finding, wanted.window_ms))
            self._age(start_ms + wanted.window_ms, rows if finding is None else 0)
        latest = expected.at(until_ms)
        needed_ms = until_ms - latest.wait_ms if latest is not None else until_ms
        self._age(min([needed_ms, *self.predictions]), 0)
        return judged

    def _usual(self, wanted: Expectation) -> float | None:
        """Give the share of predictions that usually get a label; None where that is not known yet."""
        if wanted.share is None and self.old_predictions >= wanted.min_labels:
            return min(1.0, self.old_labels / self.old_predictions)
        return wanted.share

    def _age(self, before_ms: int, rows: int) -> None:
        """Forget labels too old for the next cohort; what was usual is learned from healthy cohorts only."""
        old = [at_ms for at_ms in self.labels if at_ms < before_ms]
        came = sum(self.labels.pop(at_ms) for at_ms in old)
        if rows:
            self.old_predictions += rows
            self.old_labels += came


def _finding(rows: int, came: int, share: float | None) -> Finding | None:
    least = FEWEST * (share or 0.0) * rows
    if came > 0 and came >= least:
        return None
    told = f"Of {rows} predictions that should have their labels by now, at most {max(came, 0)} have one"
    usual = "." if share is None else f"; usual are {share:.0%}."
    return Finding(
        "labels_late", "bad", told + usual, value=max(came, 0) / rows, threshold=FEWEST * (share or 0.0)
    )


def window(subject: str, version: str, judged: CohortCoverage) -> WindowFindings:
    """Put the judgement on one cohort into words of the topic `findings`."""
    end_ms, rows, finding, size_ms = judged
    found = [finding] if finding else []
    start_ms = end_ms - size_ms
    return WindowFindings(subject, version, "labels", start_ms, end_ms, rows, found, ["labels_late"])
