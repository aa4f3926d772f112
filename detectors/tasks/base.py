"""The protocol of a task: everything in which the models of one task differ from those of another."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from msgspec import Struct

from watchkeeper.detectors.online.signals import Sample, Signal, SignalName
from watchkeeper.detectors.profiles.columns import Floats
from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.detectors.tasks.estimates import Estimate
from watchkeeper.schemas.statistics import Statistic
from watchkeeper.schemas.tasks import Metric, TaskName

ERROR = "error"
"""The name of the signal that every task has: how wrong the answers are."""
NO_LABEL = float("nan")
Profile = TypeVar("Profile", bound=LabelsProfile)


class Measured(NamedTuple):
    """How one metric is computed from a labels profile and judged against the reference."""

    estimate: Callable[[Any], Estimate | None]
    """From the task's labels profile; None where the labels do not allow the metric."""
    better: Literal["higher", "lower", "zero"]
    """Where a better model lies."""
    worse_by: float
    """How far the metric may fall behind the reference, where the monitor does not say."""
    share_of: Metric | None = None
    """The metric of the reference that `worse_by` is a share of. None: `worse_by` is absolute."""
    least: float | None = 0.0
    """The least value that the metric can have. None: there is none."""
    most: float | None = None
    """The greatest value that the metric can have. None: there is none."""


class LabelSignal(NamedTuple):
    """A number for each label of the reference, of which the engine learns how it varies."""

    name: str
    values: Floats
    weight: float = 1.0
    """The share of the labels' budget of false alarms that is bet on it."""
    is_loss: bool = False
    """Whether only a rise of the mean matters."""


class Bins(Protocol):
    """The engine's bins of one label signal."""

    @property
    def count(self) -> int:
        """The number of bins."""

    def codes(self, values: Floats) -> Any:
        """Return the bin of each value."""


class Task(ABC, Generic[Profile]):
    """What ingest, evaluate and the engine ask about the models of one task.

    A task is one stateless object in `TASKS`. Look it up once for a subject or a window, never for a row.
    """

    name: ClassVar[TaskName]
    output_struct: ClassVar[type[Struct]]
    """What `prediction` of an event is decoded as: it refuses an output that the task can't have."""
    output_field: ClassVar[str]
    """The field of `prediction` that holds the output."""
    label_is: ClassVar[str] = "true, false or a number"
    """What a label must be, to complete the sentence "the label must be ..."."""
    profile: type[Profile]
    """How labels are counted."""
    metrics: Mapping[Metric, Measured]
    """All metrics, in the order of a window's statistics."""
    judged: tuple[Metric, ...]
    """The metrics that are judged where the monitor names none."""
    signals: ClassVar[frozenset[str]] = frozenset({ERROR})
    """The names of the label signals that the engine bets on."""

    def __init__(self) -> None:
        self._output = attrgetter(f"prediction.{self.output_field}")

    def outputs(self, events: Sequence[Any]) -> Floats:
        """Return the output of each decoded event; NaN for none."""
        return np.array(list(map(self._output, events)), dtype=np.float64)

    def published_labels(self, events: Sequence[Any]) -> list[float]:
        """Return the label that the model itself gave each decoded event; NaN for none."""
        return [NO_LABEL] * len(events)

    def label(self, value: object) -> float | None:
        """Read the label of an event; None for what is no label of this task."""
        if not isinstance(value, bool | int | float):
            return None
        try:
            return float(value)
        except OverflowError:
            return inf

    def output(self, rows: RowsProfile) -> NumberSummary | CategorySummary | None:
        """Return the output of a window's rows: the drift of its distribution is the prediction drift."""
        return rows.output

    def measure(self, labels: Profile) -> dict[Metric, Estimate]:
        """Estimate every metric that the labels allow."""
        known = {name: metric.estimate(labels) for name, metric in self.metrics.items()}
        return {name: estimate for name, estimate in known.items() if estimate is not None}

    def statistics(self, labels: Profile) -> Iterable[Statistic]:
        """Return statistics of the labels themselves, beside the metrics."""
        return ()

    @abstractmethod
    def label_signals(self, layout: Layout, scores: Floats, labels: Floats) -> list[LabelSignal]:
        """Return what the engine learns from the reference: ERROR first. Both arrays are [labels], finite."""

    @abstractmethod
    def is_counted(self, signal: str, bins: int) -> bool:
        """Whether `tally` can count a signal in so many bins; a reference may be of another task."""

    @abstractmethod
    def tally(self, labels: Profile, signal: str, bins: Bins) -> Floats:
        """Count the labels of a pane by the engine's bins of one signal; [bins]."""

    @abstractmethod
    def error(self, labels: Profile) -> Sample:
        """Return the number of labels in a pane and the sum of their errors, for the online detectors."""

    @abstractmethod
    def healthy_error(self, reference: Profile) -> Signal | None:
        """Return the healthy state of the mean error; None where the reference can't tell. It has labels."""

    def online_samples(self, labels: Profile) -> dict[SignalName, Sample]:
        """Read the online detectors' signal off the profile of a pane."""
        return {SignalName(ERROR): self.error(labels)}

    def online_signals(self, reference: Profile) -> dict[SignalName, Signal]:
        """Return the online detectors' signal where the reference knows its healthy state."""
        usual = self.healthy_error(reference) if reference.labels > 0 else None
        return {} if usual is None else {SignalName(ERROR): usual}
