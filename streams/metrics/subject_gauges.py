"""Gauges by subject that are set as a whole: alerts that fire, and pages with their budget."""

from collections.abc import Hashable, Mapping, Sequence

from prometheus_client import Gauge

from watchkeeper.schemas.subjects import PRODUCTION, environment_of, subject_of

__all__ = ["SubjectGauges"]


class SubjectGauges:
    """Sums what the stages and partitions of a worker know of each subject.

    Args:
        firing: The gauge of alerts, with the labels alertname, severity, subject and environment.
        pages: The gauge of pages, with the labels subject and environment.
        allowed: The gauge of pages that may be false, with the same labels.
    """

    def __init__(self, firing: Gauge, pages: Gauge, allowed: Gauge) -> None:
        self._firing = firing
        self._budget = (pages, allowed)
        self._alerts: dict[Hashable, list[dict[str, str]]] = {}
        self._paging: dict[Hashable, Mapping[str, tuple[int, float]]] = {}

    def set_firing(self, owner: Hashable, alerts: Sequence[dict[str, str]]) -> None:
        """Set the firing alerts of a stage and partition, by their labels."""
        self._alerts[owner] = list(alerts)
        self._show_firing()

    def set_pages(self, owner: Hashable, subjects: Mapping[str, tuple[int, float]]) -> None:
        """Set the pages and the budget of each subject of a stage and partition."""
        self._paging[owner] = subjects
        self._show_pages()

    def forget(self, owner: Hashable) -> None:
        """Remove what a stage and partition knows, because it moves to another worker."""
        if self._paging.pop(owner, None) is not None:
            self._show_pages()
        if self._alerts.pop(owner, None) is not None:
            self._show_firing()

    def _show_firing(self) -> None:
        self._firing.clear()
        for labels in (labels for alerts in self._alerts.values() for labels in alerts):
            environment, view = labels.get("environment", PRODUCTION), labels.get("feature_view", "")
            subject = subject_of(labels.get("model", view), environment)
            self._firing.labels(labels["alertname"], labels["severity"], subject, environment).inc()

    def _show_pages(self) -> None:
        for index, metric in enumerate(self._budget):
            metric.clear()
            for subject, shown in (item for each in self._paging.values() for item in each.items()):
                metric.labels(subject, environment_of(subject)).set(shown[index])
