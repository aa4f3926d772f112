"""The metrics of each subject: its newest window, its alerts, and how much of its events is in statistics."""

from collections.abc import Callable, Mapping, Sequence

from watchkeeper.schemas.statistics import WindowStatistics
from watchkeeper.schemas.subjects import environment_of
from watchkeeper.streams.metrics.process import ProcessMetrics
from watchkeeper.streams.metrics.subject_gauges import SubjectGauges
from watchkeeper.streams.topics.flow import NOTIFY, PAGE

__all__ = ["SubjectMetrics"]


class SubjectMetrics(ProcessMetrics):
    """Metrics by subject. A subject belongs to one partition of evaluate, and moves with it."""

    def _define_subjects(self) -> None:
        self._covered: dict[int, Mapping[str, float]] = {}
        self._windowed: dict[int, set[str]] = {}
        self._window_written = self._gauge(
            "window_last_timestamp_seconds",
            "Time at which the last window of a subject was written.",
            *("subject", "environment"),
        )
        self._window_size = self._gauge(
            "window_seconds", "Length of that window, in event time.", "subject", "environment"
        )
        self._read_coverage = self._gauge(
            "read_coverage_ratio",
            "Share of a subject's published events that are in its statistics, where some were late or "
            "rejected lately.",
            *("subject", "environment"),
        )
        firing = self._gauge(
            "alerts_firing", "Alerts that are firing.", "alertname", "severity", "subject", "environment"
        )
        pages = self._gauge(
            "budget_period_pages",
            "Pages that began in the period of the budget, `false_pages.per`, up to the newest window.",
            *("subject", "environment"),
        )
        allowed = self._gauge(
            "budget_false_pages",
            "Number of pages in that period that may be false on average, `false_pages.at_most`.",
            *("subject", "environment"),
        )
        self._subjects = SubjectGauges(firing, pages, allowed)

    def observe_firing(self, partition: int, alerts: Sequence[dict[str, str]]) -> None:
        """Set the firing alerts of a partition of notify, by their labels."""
        self._subjects.set_firing((NOTIFY.name, partition), alerts)

    def observe_pages(self, partition: int, subjects: Mapping[str, tuple[int, float]]) -> None:
        """Set the number of pages and the budget of each subject of a partition of page."""
        self._subjects.set_pages((PAGE.name, partition), subjects)

    def observe_window(self, partition: int, window: WindowStatistics, now: float) -> None:
        """Set when the last window of a subject was written. Windows of labels and segments do not count.

        Args:
            partition: The partition of evaluate.
            window: The statistics of the window.
            now: The current time, in seconds since 1970.
        """
        if window.kind == "labels" or window.segment is not None:
            return
        self._windowed.setdefault(partition, set()).add(window.subject)
        labels = window.subject, environment_of(window.subject)
        self._window_written.labels(*labels).set(now)
        self._window_size.labels(*labels).set((window.window_end_ms - window.window_start_ms) / 1000)

    def observe_subjects(
        self, partition: int, coverages: Mapping[str, float], is_watched: Callable[[str], bool]
    ) -> None:
        """Set the read coverage of a partition's subjects, and forget subjects without a monitor.

        Args:
            partition: The partition of evaluate.
            coverages: By subject, the share of its events that are in its statistics.
            is_watched: Whether a subject has a monitor.
        """
        for subject in [each for each in self._windowed.get(partition, ()) if not is_watched(each)]:
            self._forget_window(partition, subject)
        if dict(coverages) != self._covered.get(partition, {}):
            self._covered[partition] = dict(coverages)
            self._show_coverage()

    def forget_subjects(self, partition: int) -> None:
        """Remove the metrics of a partition's subjects, because it moves to another worker.

        Args:
            partition: The partition of evaluate.
        """
        for subject in list(self._windowed.get(partition, ())):
            self._forget_window(partition, subject)
        if self._covered.pop(partition, None) is not None:
            self._show_coverage()

    def _forget_window(self, partition: int, subject: str) -> None:
        self._windowed[partition].discard(subject)
        self._window_written.remove(subject, environment_of(subject))
        self._window_size.remove(subject, environment_of(subject))

    def _show_coverage(self) -> None:
        self._read_coverage.clear()
        for subject, share in (item for each in self._covered.values() for item in each.items()):
            self._read_coverage.labels(subject, environment_of(subject)).set(share)
