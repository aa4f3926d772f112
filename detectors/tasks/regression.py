"""Regression: the output is a number, and the label is the true number."""

from math import sqrt
from typing import Any

import numpy as np

from watchkeeper.detectors.online.signals import Sample, Signal
from watchkeeper.detectors.profiles import buckets, fixed_point
from watchkeeper.detectors.profiles.columns import Bools, Floats
from watchkeeper.detectors.profiles.fixed_point import pack, unpack
from watchkeeper.detectors.profiles.labels import Counts, LabelsProfile
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.validation import require, total_of_pairs
from watchkeeper.detectors.tasks import estimates as performance
from watchkeeper.detectors.tasks.base import ERROR, Bins, LabelSignal, Measured, Task
from watchkeeper.schemas.events import Output
from watchkeeper.schemas.profiles import LabelsCounts

_GRID = 20
"""Exponent of the grid of errors, 2**-20, if the layout has no bins of the output."""


class RegressionLabels(LabelsProfile):
    """Exact sums of errors (value minus label), and a histogram of absolute errors.

    >>> from watchkeeper.schemas.references import Binning, NumberBinning
    >>> profile = RegressionLabels.empty(Layout(Binning({}, {}, NumberBinning(), "regression")))
    >>> profile.add(np.array([3.0, 5.0]), np.array([4.0, 2.0]), np.array([60_000.0, 60_000.0]))
    >>> [total / 2**20 for total in profile.sums[:2]]
    [2.0, 4.0]
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.sums = [0, 0, 0]
        """The sums of errors and absolute errors in steps of the grid, and of squared errors in squared
        steps."""
        self.errors: Counts = np.zeros(buckets.COUNT, np.int64)
        """Counts of absolute errors in logarithmic buckets, in units of 2**20 steps; shape (COUNT,)."""

    @property
    def error_exponent(self) -> int:
        """The exponent of the grid of errors, whose step is 2**-exponent."""
        return self.layout.binning.output.exponent if self.layout.binning.output else _GRID

    def _usable(self, scores: Floats, labels: Floats, predicted: Floats) -> Bools:
        return np.isfinite(labels) & ~np.isnan(scores)

    def _count(self, scores: Floats, labels: Floats, predicted: Floats, sign: int) -> None:
        with np.errstate(over="ignore"):
            steps = fixed_point.to_grid(scores - labels, 0.0, 2.0**self.error_exponent)
        totals, squares = fixed_point.exact_sums(np.stack((steps, np.abs(steps))))
        for index, total in enumerate((*totals, squares[0])):
            self.sums[index] += sign * total
        self.errors += sign * buckets.bucket_counts(np.abs(steps) * 2.0**-20)

    def _merge(self, other: "RegressionLabels") -> None:
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.errors += other.errors

    def _to_wire(self) -> dict[str, Any]:
        return {"sums": [pack(total) for total in self.sums], "errors": buckets.to_pairs(self.errors)}

    def _read(self, counts: LabelsCounts) -> None:
        _check(counts)
        self.sums = [unpack(total) for total in counts.sums]
        self.errors = buckets.from_pairs(counts.errors, buckets.COUNT)


def _check(counts: LabelsCounts) -> None:
    require(len(counts.sums) == 3, "its sums are not those of regression")
    others = (counts.confusion, *counts.histograms, *counts.calibration)
    require(not any(map(any, others)), "it has the scores of a classification")
    require(total_of_pairs(counts.errors, buckets.COUNT) <= counts.labels, "it has more errors than labels")
    total, *sizes = map(unpack, counts.sums)
    require(min(sizes) >= 0, "a sum of absolute or squared errors is negative")
    require(counts.scored > 0 or not any((total, *sizes)), "it has sums without values")
    require(total * total <= counts.scored * sizes[-1], "its squared errors are too small for its errors")


def _mae(labels: RegressionLabels) -> performance.Estimate | None:
    return performance.mean(labels.sums[1], labels.sums[2], labels.scored, labels.error_exponent)


def _rmse(labels: RegressionLabels) -> performance.Estimate | None:
    return performance.root_mean_square(labels.sums[2], labels.errors, labels.scored, labels.error_exponent)


def _bias(labels: RegressionLabels) -> performance.Estimate | None:
    return performance.mean(labels.sums[0], labels.sums[2], labels.scored, labels.error_exponent)


class Regression(Task[RegressionLabels]):
    """The output is a number. It is judged by its errors; its bins are fitted to the reference."""

    name = "regression"
    output_struct = Output
    output_field = "value"
    profile = RegressionLabels
    # Errors have units, so the tolerance is a share of the reference's own error.
    metrics = {  # noqa: RUF012 - the protocol declares it a Mapping
        "mae": Measured(_mae, "lower", 0.2, "mae"),
        "rmse": Measured(_rmse, "lower", 0.2, "rmse"),
        "bias": Measured(_bias, "zero", 0.2, "rmse", least=None),
    }
    judged = ("mae", "rmse")

    def label_signals(self, layout: Layout, scores: Floats, labels: Floats) -> list[LabelSignal]:
        """Return the absolute errors as the only signal."""
        return [LabelSignal(ERROR, np.abs(scores - labels), is_loss=True)]

    def is_counted(self, signal: str, bins: int) -> bool:
        """Whether the bins are those of absolute errors: two bins are right and wrong answers."""
        return signal == ERROR and bins != 2

    def tally(self, labels: RegressionLabels, signal: str, bins: Bins) -> Floats:
        """Count the absolute errors. Each counts as the middle of its bucket."""
        where = bins.codes(np.ldexp(buckets.MIDDLES, 20 - labels.error_exponent))
        return np.bincount(where, labels.errors.astype(float), minlength=bins.count).astype(float)

    def error(self, labels: RegressionLabels) -> Sample:
        """Return the number of labels and the sum of their absolute errors."""
        return labels.labels, labels.sums[1] * 2.0**-labels.error_exponent

    def healthy_error(self, reference: RegressionLabels) -> Signal | None:
        """Return the mean and the standard deviation of the absolute errors."""
        _, total = self.error(reference)
        mean = total / reference.labels
        step = 2.0**-reference.error_exponent
        square = reference.sums[2] * step * step / reference.labels
        spread = sqrt(max(square - mean * mean, 0.0))
        return Signal(centre=mean, spread=spread) if spread > 0 else None
