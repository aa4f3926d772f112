"""The protocol of a task: everything that differs between the models of different tasks."""

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
"""The name of the label signal that every task has: how wrong the answers are."""
NO_LABEL = float("nan")
"""The value of a label that is not known."""
Profile = TypeVar("Profile", bound=LabelsProfile)


class Measured(NamedTuple):
    """How one metric is computed from labels and judged against the reference."""

    estimate: Callable[[Any], Estimate | None]
    """Computes the metric from the task's labels profile; None if that is not possible."""
    better: Literal["higher", "lower", "zero"]
    """Which values of the metric are better."""
    worse_by: float
    """How much worse than the reference the metric may be, if the monitor does not set it."""
    share_of: Metric | None = None
    """`worse_by` is a share of this metric of the reference. None: `worse_by` is absolute."""
    least: float | None = 0.0
    """The smallest possible value. None: unbounded."""
    most: float | None = None
    """The largest possible value. None: unbounded."""


class LabelSignal(NamedTuple):
    """A number for each label of the reference. The engine learns its distribution."""

    name: str
    """The name of the signal."""
    values: Floats
    """The numbers, shape (labels,)."""
    weight: float = 1.0
    """The share of the labels' budget of false alarms for this signal."""
    is_loss: bool = False
    """Whether only a rise of the mean is a fault."""


class Bins(Protocol):
    """The engine's bins of one label signal."""

    @property
    def count(self) -> int:
        """The number of bins."""

    def codes(self, values: Floats) -> Any:
        """Return the bin of each value.

        Args:
            values: The values, shape (values,).

        Returns:
            The indices of the bins, shape (values,).
        """


class Task(ABC, Generic[Profile]):
    """What ingest, evaluate and the engine need to know about the models of one task.

    A task is one stateless object in `TASKS`. Look it up once for a subject or a window, never for a row.
    """

    name: ClassVar[TaskName]
    """The name of the task in a monitor."""
    output_struct: ClassVar[type[Struct]]
    """The struct that an event's `prediction` is decoded as. It rejects outputs that the task cannot have."""
    output_field: ClassVar[str]
    """The field of `prediction` that holds the output."""
    answers_with_label: ClassVar[bool] = False
    """Whether a model may publish a label instead of the output."""
    label_is: ClassVar[str] = "true, false or a number"
    """What a label must be: completes the sentence "the label must be ..."."""
    profile: type[Profile]
    """The class that counts labels."""
    metrics: Mapping[Metric, Measured]
    """All metrics by name, in the order of a window's statistics."""
    judged: tuple[Metric, ...]
    """The metrics that are judged if the monitor names none."""
    signals: ClassVar[frozenset[str]] = frozenset({ERROR})
    """The names of the label signals that the engine bets on."""

    def __init__(self) -> None:
        self._output = attrgetter(f"prediction.{self.output_field}")

    def outputs(self, events: Sequence[Any]) -> Floats:
        """Return the output of each event.

        Args:
            events: The decoded events.

        Returns:
            The outputs, shape (events,); NaN: none.
        """
        return np.array(list(map(self._output, events)), dtype=np.float64)

    def published_labels(self, events: Sequence[Any]) -> list[float]:
        """Return the label that the model itself published with each event.

        Args:
            events: The decoded events.

        Returns:
            A label for each event; NaN: none.
        """
        return [NO_LABEL] * len(events)

    def label(self, value: object) -> float | None:
        """Read the label of an event.

        Args:
            value: The label as it was published.

        Returns:
            The label as a number; None if it is not a label of this task.
        """
        if not isinstance(value, bool | int | float):
            return None
        try:
            return float(value)
        except OverflowError:
            return inf

    def output(self, rows: RowsProfile) -> NumberSummary | CategorySummary | None:
        """Return the output over the rows of a window. The drift of its distribution is the prediction drift.

        Args:
            rows: The rows.
        """
        return rows.output

    def measure(self, labels: Profile) -> dict[Metric, Estimate]:
        """Estimate every metric that can be computed.

        Args:
            labels: The labels.
        """
        known = {name: metric.estimate(labels) for name, metric in self.metrics.items()}
        return {name: estimate for name, estimate in known.items() if estimate is not None}

    def statistics(self, labels: Profile) -> Iterable[Statistic]:
        """Return further statistics of the labels, besides the metrics.

        Args:
            labels: The labels.
        """
        return ()

    @abstractmethod
    def label_signals(self, layout: Layout, scores: Floats, labels: Floats) -> list[LabelSignal]:
        """Return the signals that the engine learns from the reference; `ERROR` is the first.

        Args:
            layout: The layout of the reference.
            scores: The outputs, shape (labels,), finite.
            labels: The labels, shape (labels,), finite.
        """

    @abstractmethod
    def is_counted(self, signal: str, bins: int) -> bool:
        """Whether `tally` can count a signal in a number of bins; a reference may be of another task.

        Args:
            signal: The name of the signal.
            bins: The number of bins.
        """

    @abstractmethod
    def tally(self, labels: Profile, signal: str, bins: Bins) -> Floats:
        """Count the labels of a pane in the engine's bins of one signal.

        Args:
            labels: The labels.
            signal: The name of the signal.
            bins: The bins.

        Returns:
            The number of labels in each bin, shape (bins,).
        """

    @abstractmethod
    def error(self, labels: Profile) -> Sample:
        """Return the number of labels in a pane and the sum of their errors, for the online detectors.

        Args:
            labels: The labels.
        """

    @abstractmethod
    def healthy_error(self, reference: Profile) -> Signal | None:
        """Return the healthy state of the mean error.

        Args:
            reference: The labels of the reference; at least one.

        Returns:
            The state; None if the reference does not show it.
        """

    def online_samples(self, labels: Profile) -> dict[SignalName, Sample]:
        """Return the online detectors' samples of a pane.

        Args:
            labels: The labels of the pane.
        """
        return {SignalName(ERROR): self.error(labels)}

    def online_signals(self, reference: Profile) -> dict[SignalName, Signal]:
        """Return the online detectors' signals with a known healthy state.

        Args:
            reference: The labels of the reference.
        """
        healthy = self.healthy_error(reference) if reference.labels > 0 else None
        return {} if healthy is None else {SignalName(ERROR): healthy}
