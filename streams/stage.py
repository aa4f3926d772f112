"""The declaration of a stage for the worker: its flow, its fold, and the metrics of that fold."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from watchkeeper.streams.errors import DeclarationError
from watchkeeper.streams.fold.protocol import Fold, Record
from watchkeeper.streams.metrics.metrics import Metrics
from watchkeeper.streams.topics.flow import Flow, TopicName
from watchkeeper.streams.topics.topics import TOPICS

__all__ = ["Observe", "Ready", "Stage", "check_stages"]

F = TypeVar("F", bound=Fold)
Observe = Callable[[Metrics, int, F], object]
"""A function that sets metrics from the fold of a partition number."""


Ready = Callable[[F, str, Sequence[Record]], Awaitable[None]]
"""A coroutine function that returns once a fold can take a chunk of a topic."""


async def at_once(fold: Fold, topic: str, records: Sequence[Record]) -> None:
    """Return at once: the fold needs nothing but its records."""


def nothing(metrics: Metrics, number: int, fold: Fold) -> None:
    """Do nothing: the fold has no metrics."""


class Stage(NamedTuple, Generic[F]):
    """One stage: what it reads and writes, and the fold that it runs."""

    flow: Flow
    """The topics and sinks of the stage."""
    fold: Callable[[int], F]
    """Creates the fold of one partition number."""
    ready: Ready[F] = at_once
    """Called before each chunk. It may wait for what the fold needs besides its records."""
    observe_saved: Observe[F] = nothing
    """Called after each checkpoint. It sets counters that must stay exact across crashes."""
    observe_changed: Observe[F] = nothing
    """Called within a second after the fold's `revision` changes, and after a restart or move."""

    @property
    def name(self) -> str:
        """Return the name of the stage."""
        return self.flow.name

    @property
    def reads(self) -> tuple[TopicName, ...]:
        """Return the topics that the stage reads."""
        return self.flow.reads


def check_stages(stages: Sequence[Stage[Any]], sinks: Collection[str]) -> None:
    """Raise DeclarationError if stages conflict, or name a topic or sink that does not exist.

    Args:
        stages: The stages of one worker.
        sinks: The names of the sinks that the worker has.
    """
    for problem in _problems([stage.flow for stage in stages], sinks):
        raise DeclarationError(problem)


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
