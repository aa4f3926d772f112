"""Notices that labels do not come: predictions old enough to have theirs, and far too few labels since."""

from typing import NamedTuple

from msgspec import Struct, field

from schemas.findings import Finding, WindowFindings

FEWEST = 0.5
"""Labels below this share of the expected ones are missing."""


class Expectation(NamedTuple):
    """What is to be expected of labels."""

    within_ms: int
    window_ms: int
    min_labels: int
    share: float | None
    """The share of predictions that got a label in the reference; None where that is not known."""


class Coverage(Struct):
    """Counts of predictions and labels of one subject and version; encoding the struct is the snapshot.

    A cohort is the predictions of one window of event time, P rows. All labels that it is to get have come
    `within_ms` later, among the L labels that became known from its start until then. So in health L >= share
    * P, whatever the lag, the traffic and the batches in which labels come; L < 0.5 * share * P is a fault.
    The share is the reference's, or that of the cohorts before; if unknown, only no label at all is one.
    """

    predictions: dict[int, int] = field(default_factory=dict)
    labels: dict[int, int] = field(default_factory=dict)
    old_predictions: int = 0
    old_labels: int = 0

    def add(self, labels: bool, start_ms: int, rows: int, window_ms: int) -> None:
        """Count the rows of one pane."""
        counts = self.labels if labels else self.predictions
        bucket = start_ms // window_ms * window_ms
        counts[bucket] = counts.get(bucket, 0) + rows

    def judge(self, until_ms: int, wanted: Expectation) -> list[tuple[int, int, Finding | None]]:
        """Judge cohorts that are old enough; give the end of the wait, the predictions and what is wrong."""
        # Whole windows of waiting, so that counts per window are enough.
        wait_ms = -(-wanted.within_ms // wanted.window_ms) * wanted.window_ms + wanted.window_ms
        judged = []
        for start_ms in sorted(self.predictions):
            if start_ms + wait_ms > until_ms:
                break
            rows = self.predictions.pop(start_ms)
            came = sum(n for at_ms, n in self.labels.items() if start_ms <= at_ms < start_ms + wait_ms)
            if rows >= wanted.min_labels:
                finding = self._finding(rows, came, wanted)
                judged.append((start_ms + wait_ms, rows, finding))
            else:
                finding = None
            self._age(start_ms + wanted.window_ms, rows if finding is None else 0)
        self._age(until_ms - wait_ms, 0)
        return judged

    def _finding(self, rows: int, came: int, wanted: Expectation) -> Finding | None:
        share = wanted.share
        if share is None and self.old_predictions >= wanted.min_labels:
            share = min(1.0, self.old_labels / self.old_predictions)
        least = FEWEST * (share or 0.0) * rows
        if came > 0 and came >= least:
            return None
        told = f"Of {rows} predictions that should have their labels by now, at most {max(came, 0)} have one"
        usual = "." if share is None else f"; usual are {share:.0%}."
        return Finding(
            "labels_late", "bad", told + usual, value=max(came, 0) / rows, threshold=FEWEST * (share or 0.0)
        )

    def _age(self, before_ms: int, rows: int) -> None:
        """Forget labels too old for the next cohort; what was usual is learned from healthy cohorts only."""
        old = [at_ms for at_ms in self.labels if at_ms < before_ms]
        came = sum(self.labels.pop(at_ms) for at_ms in old)
        if rows:
            self.old_predictions += rows
            self.old_labels += came


def window(
    subject: str, version: str, judged: tuple[int, int, Finding | None], size_ms: int
) -> WindowFindings:
    """Put the judgement on one cohort into words of the topic `findings`."""
    end_ms, rows, finding = judged
    found = [finding] if finding else []
    start_ms = end_ms - size_ms
    return WindowFindings(subject, version, "labels", start_ms, end_ms, rows, found, ["labels_late"])
