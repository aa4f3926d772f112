"""Detects missing labels: predictions are old enough to have labels, and far too few have come since."""

from typing import NamedTuple

from msgspec import Struct, field

from watchkeeper.schemas.findings import Finding, WindowFindings
from watchkeeper.streams.config.timeline import Timeline

FEWEST = 0.5
"""Labels are missing where fewer than this share of the expected ones came."""
EXPECTED_MIN = 50
"""Fewest expected labels that are judged. With 50 expected, fewer than half come by chance in 3 of 100,000
cohorts, by Poisson's distribution."""


class Expectation(NamedTuple):
    """The labels that are expected of the predictions of a time."""

    within_ms: int
    window_ms: int
    min_labels: int
    share: float | None
    """The share of predictions that got a label in the reference; None if it is not known."""

    @property
    def wait_ms(self) -> int:
        """Return the time from a cohort's start until all its labels have come.

        It is a multiple of a window, so that counts per window are enough.
        """
        return -(-self.within_ms // self.window_ms) * self.window_ms + self.window_ms


class CohortCoverage(NamedTuple):
    """The judgement on one cohort."""

    end_ms: int
    """When the wait ended."""
    rows: int
    finding: Finding | None
    window_ms: int


def cohort_start_ms(expected: Timeline[Expectation | None], time_ms: int) -> int | None:
    """Return the start of a time's cohort; None if no labels are expected then.

    >>> cohort_start_ms(Timeline(None, (130, Expectation(60, 50, 20, None))), 149)
    130
    """
    wanted, from_ms, _ = expected.revision(time_ms)
    return max(time_ms // wanted.window_ms * wanted.window_ms, from_ms) if wanted else None


class Coverage(Struct):
    """Counts of predictions and labels of one subject and version; encoding the struct is the snapshot.

    A cohort is the predictions of one window of event time, P rows. All its labels have come `within_ms`
    later, among the L labels that became known from its start until then. So in health L >= share * P,
    whatever the lag, the traffic and the batches in which labels come; L < 0.5 * share * P is a fault. The
    share is the reference's, or that of the cohorts before. If the share is unknown, the only fault is that
    no label came at all. A cohort too small to measure performance on is judged too, if enough labels are
    expected.
    """

    predictions: dict[int, int] = field(default_factory=dict)
    labels: dict[int, int] = field(default_factory=dict)
    old_predictions: int = 0
    old_labels: int = 0

    def add(self, labels: bool, bucket_ms: int, rows: int) -> None:
        """Count the rows of one pane, by the start of its cohort."""
        counts = self.labels if labels else self.predictions
        counts[bucket_ms] = counts.get(bucket_ms, 0) + rows

    def judge(self, until_ms: int, expected: Timeline[Expectation | None]) -> list[CohortCoverage]:
        """Judge the cohorts whose labels should all have come."""
        judged = []
        for start_ms in sorted(self.predictions):
            wanted = expected.at(start_ms)
            if wanted is None:  # no longer: their monitor was removed
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
        """Return the share of predictions that usually get a label; None if it is not known yet."""
        if wanted.share is None and self.old_predictions >= wanted.min_labels:
            return min(1.0, self.old_labels / self.old_predictions)
        return wanted.share

    def _age(self, before_ms: int, rows: int) -> None:
        """Forget labels too old for the next cohort. The usual share is learned from healthy cohorts only."""
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
    """Write the judgement on one cohort as a message of the topic `findings`."""
    end_ms, rows, finding, size_ms = judged
    found = [finding] if finding else []
    start_ms = end_ms - size_ms
    return WindowFindings(subject, version, "labels", start_ms, end_ms, rows, found, ["labels_late"])
