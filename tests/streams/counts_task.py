"""A task that the tests add: the model predicts a mean, and the label counts what happened."""

from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct

from watchkeeper.detectors.online.signals import Sample, Signal
from watchkeeper.detectors.profiles import fixed_point
from watchkeeper.detectors.profiles.columns import Bools, Floats
from watchkeeper.detectors.profiles.labels import LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.validation import require
from watchkeeper.detectors.tasks import estimates as performance
from watchkeeper.detectors.tasks.base import ERROR, Bins, LabelSignal, Measured, Task
from watchkeeper.schemas.profiles import LabelsCounts

GRID = 20


class MeanOutput(Struct, frozen=True):
    """A mean is never below 0."""

    value: Annotated[float, Meta(ge=0)] | None = None


class CountsLabels(LabelsProfile):
    """Exact sums of Poisson deviances."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.total = 0
        self.squares = 0

    def _usable(self, scores: Floats, labels: Floats, predicted: Floats) -> Bools:
        return np.isfinite(labels) & (labels >= 0) & (scores > 0)

    def _count(self, scores: Floats, labels: Floats, predicted: Floats, sign: int) -> None:
        totals, squares = fixed_point.exact_sums(
            fixed_point.to_grid(deviances(scores, labels), 0.0, 2.0**GRID)[None]
        )
        self.total += sign * totals[0]
        self.squares += sign * squares[0]

    def _merge(self, other: "CountsLabels") -> None:
        self.total += other.total
        self.squares += other.squares

    def _to_wire(self) -> dict[str, Any]:
        return {"sums": [fixed_point.pack(self.total), fixed_point.pack(self.squares)]}

    def _read(self, counts: LabelsCounts) -> None:
        require(len(counts.sums) == 2, "it has other sums than its task")
        self.total, self.squares = map(fixed_point.unpack, counts.sums)
        require(self.total**2 <= counts.scored * self.squares, "its sums contradict each other")


def deviances(means: Floats, counts: Floats) -> Floats:
    """Return 2 (y ln(y / mean) - (y - mean)) of each count y."""
    ratio = np.maximum(counts, 1) / means
    found: Floats = 2 * (counts * np.log(ratio) - (counts - means))
    return found


class Counts(Task[CountsLabels]):
    """A count, judged by its Poisson deviance."""

    name = "counts"
    output_struct = MeanOutput
    output_field = "value"
    label_is = "a whole number that is not below 0"
    profile = CountsLabels
    metrics = {  # noqa: RUF012
        "deviance": Measured(
            lambda labels: performance.mean(labels.total, labels.squares, labels.scored, GRID), "lower", 0.1
        )
    }
    judged = ("deviance",)

    def label(self, value: object) -> float | None:
        return float(value) if isinstance(value, int) and value >= 0 else None

    def label_signals(self, layout: Layout, scores: Floats, labels: Floats) -> list[LabelSignal]:
        return [LabelSignal(ERROR, np.abs(scores - labels), is_loss=True)]

    def is_counted(self, signal: str, bins: int) -> bool:
        return False

    def tally(self, labels: CountsLabels, signal: str, bins: Bins) -> Floats:
        return np.zeros(bins.count)

    def error(self, labels: CountsLabels) -> Sample:
        return labels.labels, labels.total / 2**GRID

    def healthy_error(self, reference: CountsLabels) -> Signal | None:
        mean = self.error(reference)[1] / reference.labels
        return Signal(centre=mean, spread=mean) if mean > 0 else None
