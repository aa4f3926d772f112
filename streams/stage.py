"""A stage as the worker knows it: its flow, the fold that it runs, and what metrics show of that fold."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from watchkeeper.streams.errors import WrongDeclaration
from watchkeeper.streams.fold.protocol import Fold
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.topics.flow import Flow, TopicName
from watchkeeper.streams.topics.topics import TOPICS

__all__ = ["Observe", "Stage", "check_stages"]

F = TypeVar("F", bound=Fold)
Observe = Callable[[Metrics, int, F], object]
"""Shows in metrics what the fold of a partition number counts."""


def nothing(metrics: Metrics, number: int, fold: Fold) -> None:
    """Show nothing of a fold."""


class Stage(NamedTuple, Generic[F]):
    """One stage."""

    flow: Flow
    fold: Callable[[int], F]
    """Makes the fold of one partition number."""
    observe_saved: Observe[F] = nothing
    """Called after each checkpoint: for counters that must be exact over crashes."""
    observe_changed: Observe[F] = nothing
    """Called within a second after the fold's `revision` changed, also after a restart or a move."""

    @property
    def name(self) -> str:
        """Return the name."""
        return self.flow.name

    @property
    def reads(self) -> tuple[TopicName, ...]:
        """Return the topics that it reads."""
        return self.flow.reads


def check_stages(stages: Sequence[Stage[Any]], sinks: Collection[str]) -> None:
    """Raise WrongDeclaration where stages can't work together, or name what does not exist."""
    for problem in _problems([stage.flow for stage in stages], sinks):
        raise WrongDeclaration(problem)


def _problems(flows: Sequence[Flow], sinks: Collection[str]) -> Iterator[str]:
    for flow in flows:
        for topic in (*flow.reads, *flow.writes):
            if topic not in TOPICS:
                yield f"the stage {flow.name} names the topic {topic!r}; add it to streams/topics/topics.py"
        for sink in flow.sinks:
            if sink not in sinks:
                yield f"the stage {flow.name} delivers to the sink {sink!r}; add it to streams/sinks.py"
    for both in sorted({*sinks} & {*map(str, TOPICS)}):
        yield f"{both!r} is a topic and a sink; rename one of them"
    for name in _repeated([flow.name for flow in flows]):
        yield f"two stages have the name {name!r}; rename one of them"
    for name in _repeated([topic for flow in flows for topic in flow.reads]):
        yield f"two stages read the topic {name!r}, but a worker gives its records to one only"


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
