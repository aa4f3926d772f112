"""The four stages: what each reads and which fold it runs."""

from collections.abc import Callable
from typing import NamedTuple

from watchkeeper.streams.config.registry import Registry
from watchkeeper.streams.evaluate.stage import EvaluateFold
from watchkeeper.streams.fold.protocol import Fold
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.ingest.quarantine import RejectedLimit
from watchkeeper.streams.ingest.stage import IngestFold
from watchkeeper.streams.notify.stage import NotifyFold
from watchkeeper.streams.page.stage import PageFold
from watchkeeper.streams.settings import Settings


class Stage(NamedTuple):
    """One stage of the flow."""

    name: str
    topics: tuple[str, ...]
    fold: Callable[[int], Fold]
    """Makes the fold of one partition number."""


def stages(settings: Settings, registry: Registry) -> list[Stage]:
    """Return the stages, in the order of the flow."""
    sources = [f"ingest/{number}" for number in range(settings.partitions)]
    limit = RejectedLimit(settings.rejected_share_max, settings.rejected_events_min)
    subjects = Subjects(registry)
    idle_ms = round(settings.idle_seconds * 1000)
    return [
        Stage(
            "ingest",
            ("predictions", "labels", "features"),
            lambda number: IngestFold(number, settings.partitions, registry, idle_ms, limit, subjects),
        ),
        Stage("evaluate", ("profiles",), lambda number: EvaluateFold(registry, sources, number)),
        Stage("page", ("findings",), lambda number: PageFold(registry, settings.runbooks, number)),
        Stage("notify", ("alerts",), lambda number: NotifyFold(number=number)),
    ]
