"""The four stages: the fold that each stage runs, and the metrics of that fold.

`streams/topics/flow.py` declares what each stage reads, writes and delivers to.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from watchkeeper.streams.config.reading_on import Hold
from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.ingest.observed import observe_ingest
from watchkeeper.streams.ingest.quarantine import RejectedLimit
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.page.stage import PageFold
from watchkeeper.streams.settings import Settings
from watchkeeper.streams.stage import Stage
from watchkeeper.streams.topics.flow import EVALUATE, INGEST, NOTIFY, PAGE

__all__ = ["observe_evaluate", "observe_notify", "observe_page", "stages"]


def wall_ms() -> int:
    """Return the machine's time, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def stages(settings: Settings, registry: Registry, clock_ms: Callable[[], int] = wall_ms) -> list[Stage[Any]]:
    """Return the stages, in the order in which data passes them.

    Args:
        settings: The settings of the worker.
        registry: The monitors and references in force.
        clock_ms: Returns the current time, since 1970.
    """
    sources = [f"{INGEST.name}/{number}" for number in range(settings.partitions)]
    limit = RejectedLimit(settings.rejected_share_max, settings.rejected_events_min)
    subjects = Subjects(registry)
    idle_ms = round(settings.idle_seconds * 1000)
    return [
        Stage(
            INGEST,
            lambda number: IngestFold(number, settings.partitions, registry, idle_ms, limit, subjects),
            ready=Hold(registry, clock_ms).until_read,
            observe_saved=observe_ingest,
        ),
        Stage(
            EVALUATE,
            lambda number: EvaluateFold(registry, sources, number),
            observe_saved=partial(observe_evaluate, registry),
        ),
        Stage(
            PAGE,
            lambda number: PageFold(registry, settings.runbooks, number),
            observe_changed=observe_page,
        ),
        Stage(NOTIFY, lambda number: NotifyFold(number=number), observe_changed=observe_notify),
    ]


def observe_evaluate(registry: Registry, metrics: Metrics, number: int, fold: EvaluateFold) -> None:
    """Show the read coverage of a partition's subjects, and forget those that are not watched any more."""
    metrics.observe_subjects(number, fold.read_coverages(), lambda name: registry.get(name) is not None)


def observe_page(metrics: Metrics, number: int, fold: PageFold) -> None:
    """Show the number of pages and the budget of each subject of a partition, and nothing of removed ones."""
    metrics.observe_pages(number, fold.paging())
    metrics.drop_unwatched()


def observe_notify(metrics: Metrics, number: int, fold: NotifyFold) -> None:
    """Show the alerts of a partition that are firing."""
    metrics.observe_firing(number, fold.firing())
