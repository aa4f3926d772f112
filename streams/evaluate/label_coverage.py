"""Detects missing labels: predictions are old enough to have labels, and too few labels have arrived."""

from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from watchkeeper.schemas.findings import Finding, WindowFindings
from watchkeeper.schemas.profiles import LabelsCounts, Pane
from watchkeeper.schemas.times import BEGINNING_MS
from watchkeeper.streams.config.timeline import Timeline

EXPECTED_SHARE_MIN = 0.5
"""Share of the expected labels below which labels are missing. Chosen by hand: a larger share detects smaller
gaps and also reports ordinary delays."""
EXPECTED_MIN = 50
"""Minimum number of expected labels that are judged. With 50 expected, fewer than half arrive by chance in 3
of 100,000 cohorts, by Poisson's distribution."""
_decoder = msgspec.msgpack.Decoder(LabelsCounts)


class Expectation(NamedTuple):
    """The labels that are expected for the predictions of one revision's time."""

    within_ms: int
    """`labels.expected_within` of the monitor: the longest expected time from prediction to label."""
    window_ms: int
    """The length of a cohort: one window of labels."""
    min_labels: int
    """`labels.min_labels` of the monitor."""
    share: float | None
    """The share of predictions that got a label in the reference; None if unknown."""

    @property
    def wait_ms(self) -> int:
        """The time from a cohort's start until all its labels are due.

        It is a multiple of a window, so that counts per window are enough.
        """
        return -(-self.within_ms // self.window_ms) * self.window_ms + self.window_ms


class CohortCoverage(NamedTuple):
    """The judgement on one cohort."""

    end_ms: int
    """When all labels of the cohort were due."""
    rows: int
    """The number of predictions in the cohort."""
    finding: Finding | None
    """None if enough labels arrived."""
    window_ms: int
    """The length of the cohort."""


def arrived(pane: Pane) -> int:
    """Return the rows of a pane. Labels of predictions without a usable output arrived, too."""
    if pane.kind != "labels":
        return pane.rows
    try:
        counts = _decoder.decode(pane.profile)
    except msgspec.DecodeError:  # of an unknown layout: its window counts it as unreadable
        return pane.rows
    return counts.labels + counts.unusable


def cohort_start_ms(expected: Timeline[Expectation | None], time_ms: int) -> int | None:
    """Return the start of a time's cohort; None if no labels are expected then.

    >>> cohort_start_ms(Timeline(None, (130, Expectation(60, 50, 20, None))), 149)
    130
    """
    wanted, from_ms, _ = expected.revision(time_ms)
    return max(time_ms // wanted.window_ms * wanted.window_ms, from_ms) if wanted else None


class LabelCoverage(Struct):
    """Counts of predictions and labels of one subject and version. The encoded struct is the snapshot.

    A cohort is the P predictions of one window of event time. All its labels are due `within_ms` later. They
    are among the L labels that arrived between its start and that time. So without a fault L >= share * P,
    for any lag, traffic and batching of labels; L < 0.5 * share * P is a fault. The share is that of the
    reference, or else of earlier healthy cohorts. While the share is unknown, only a cohort without any label
    is a fault. A cohort too small to measure performance on is judged too, if enough labels are expected.
    """

    predictions: dict[int, int] = field(default_factory=dict)
    """Start of a cohort -> number of its predictions."""
    labels: dict[int, int] = field(default_factory=dict)
    """Start of a window -> number of labels that arrived in it."""
    old_predictions: int = 0
    """The number of predictions in earlier healthy cohorts."""
    old_labels: int = 0
    """The number of labels that arrived for them."""
    read_ms: dict[int, int] = field(default_factory=dict)
    """Start of a cohort -> when its last prediction was read, by the clocks of the sources."""

    def add(self, labels: bool, bucket_ms: int, rows: int, clock_ms: int = BEGINNING_MS) -> None:
        """Count the rows of one pane.

        Args:
            labels: Whether the rows are labels; otherwise they are predictions.
            bucket_ms: The start of the rows' cohort.
            rows: The number of rows.
            clock_ms: The time by the clocks of the sources.
        """
        if not labels:
            self.read_ms[bucket_ms] = clock_ms
        counts = self.labels if labels else self.predictions
        counts[bucket_ms] = counts.get(bucket_ms, 0) + rows

    def judge(
        self,
        until_ms: int,
        expected: Timeline[Expectation | None],
        clock_ms: int = BEGINNING_MS,
        idle: bool = False,
    ) -> list[CohortCoverage]:
        """Judge the cohorts whose labels are all due, the oldest first.

        Args:
            until_ms: The event time reached by predictions and labels.
            expected: The expected labels at each time.
            clock_ms: The time by the clocks of the sources.
            idle: Whether labels are idle. Predictions of the past may be published at any speed, and their
                labels after them. So these labels are due only `within_ms` after their predictions were read,
                too.
        """
        judged = []
        for start_ms in self.predictions:
            if self.read_ms.get(start_ms, BEGINNING_MS) == BEGINNING_MS:
                self.read_ms[start_ms] = clock_ms
        for start_ms in sorted(self.predictions):
            wanted = expected.at(start_ms)
            if wanted is None:  # the monitor expects no labels any more
                self._pop(start_ms)
                continue
            waits = idle and self.read_ms[start_ms] + wanted.within_ms > clock_ms
            if waits or start_ms + wanted.wait_ms > until_ms:
                break
            rows = self._pop(start_ms)
            came = sum(n for at_ms, n in self.labels.items() if start_ms <= at_ms < start_ms + wanted.wait_ms)
            share = self._normal_share(wanted)
            enough = rows >= wanted.min_labels or (share or 0.0) * rows >= EXPECTED_MIN
            finding = _finding(rows, came, share) if enough else None
            if enough:
                judged.append(CohortCoverage(start_ms + wanted.wait_ms, rows, finding, wanted.window_ms))
            self._age(start_ms + wanted.window_ms, rows if finding is None else 0)
        latest = expected.at(until_ms)
        needed_ms = until_ms - latest.wait_ms if latest is not None else until_ms
        self._age(min([needed_ms, *self.predictions]), 0)
        return judged

    def _pop(self, start_ms: int) -> int:
        self.read_ms.pop(start_ms, None)
        return self.predictions.pop(start_ms)

    def _normal_share(self, wanted: Expectation) -> float | None:
        """Return the share of predictions that get a label without a fault; None if it is not known yet."""
        if wanted.share is None and self.old_predictions >= wanted.min_labels:
            return min(1.0, self.old_labels / self.old_predictions)
        return wanted.share

    def _age(self, before_ms: int, rows: int) -> None:
        """Forget labels that arrived before a time, and learn the normal share from a healthy cohort.

        Args:
            before_ms: The start of the next cohort.
            rows: The predictions of the healthy cohort that the labels belong to; 0 if none.
        """
        old = [at_ms for at_ms in self.labels if at_ms < before_ms]
        came = sum(self.labels.pop(at_ms) for at_ms in old)
        if rows:
            self.old_predictions += rows
            self.old_labels += came


def _finding(rows: int, came: int, share: float | None) -> Finding | None:
    least = EXPECTED_SHARE_MIN * (share or 0.0) * rows
    if came > 0 and came >= least:
        return None
    found = f"At most {max(came, 0)} of {rows} predictions have a label, and all labels are due"
    normal = "." if share is None else f"; normally {share:.0%} get one."
    return Finding(
        "labels_late",
        "bad",
        found + normal,
        value=max(came, 0) / rows,
        threshold=EXPECTED_SHARE_MIN * (share or 0.0),
    )


def window(subject: str, version: str, judged: CohortCoverage) -> WindowFindings:
    """Return the judgement on one cohort as a message of the topic `findings`."""
    end_ms, rows, finding, size_ms = judged
    found = [finding] if finding else []
    start_ms = end_ms - size_ms
    return WindowFindings(subject, version, "labels", start_ms, end_ms, rows, found, ["labels_late"])
