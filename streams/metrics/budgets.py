"""The metrics of the budget of false pages: how many pages there were, and how many may be false."""

from collections.abc import Mapping

from watchkeeper.streams.metrics.factory import MetricFactory

__all__ = ["BudgetMetrics"]


class BudgetMetrics(MetricFactory):
    """Metrics of the budgets of each subject. A subject belongs to one partition of page."""

    def _define_budgets(self) -> None:
        self._paging: dict[int, Mapping[str, tuple[int, float]]] = {}
        self._pages = self._gauge(
            "budget_period_pages",
            "Pages that began in the period of the budget, `false_pages.per`, up to the newest window.",
            "subject",
        )
        self._allowed = self._gauge(
            "budget_false_pages",
            "Number of pages in that period that may be false on average, `false_pages.at_most`.",
            "subject",
        )

    def observe_pages(self, partition: int, subjects: Mapping[str, tuple[int, float]]) -> None:
        """Set the number of pages and the budget of each subject of a partition of page."""
        self._paging[partition] = subjects
        self._show_pages()

    def forget_pages(self, partition: int) -> None:
        """Remove the subjects of a partition of page, because it moves to another worker."""
        if self._paging.pop(partition, None) is not None:
            self._show_pages()

    def _show_pages(self) -> None:
        for index, metric in enumerate((self._pages, self._allowed)):
            metric.clear()
            for subject, shown in (item for each in self._paging.values() for item in each.items()):
                metric.labels(subject).set(shown[index])
