"""The bins and categories by which the rows of a subject are counted, shared by all its profiles."""

import hashlib
from typing import Self

import msgspec
import numpy as np

from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.detectors.profiles.fixed_point import grid_exponent
from watchkeeper.schemas.monitors import Feature, Monitor
from watchkeeper.schemas.references import Binning, NumberBinning, Reference
from watchkeeper.schemas.tasks import SCHEMAS

OUTPUT = ""
"""The name of the model's output where the names of features are keys. No feature has an empty name."""
BINS = 40
"""Number of bins of a number. Chosen by hand: more bins show finer changes, need more rows for each test, and
make profiles larger."""
BOOLEANS = ("false", "true")
"""The categories of a boolean feature."""


class Layout:
    """The bins and categories by which rows are counted. Profiles merge only if their layouts have one id.

    Args:
        binning: The bins of numbers and the known categories.

    >>> from watchkeeper.schemas.monitors import Monitor
    >>> monitor = Monitor.model_validate({
    ...     "feature_view": "weather", "owner": {"team": "ml"},
    ...     "features": {"temp": {"type": "number", "range": [-20, 120]}, "sky": {"type": "category"}}})
    >>> layout = Layout.of(monitor, None)
    >>> layout.numeric, layout.categorical, layout.binning.numbers["temp"].edges[:2]
    (('temp',), ('sky',), (-16.5, -13.0))
    """

    def __init__(self, binning: Binning) -> None:
        self.binning = binning
        self.id = hashlib.sha256(msgspec.msgpack.encode(binning)).hexdigest()[:16]
        """The hash of the binning."""
        self.numeric = tuple(binning.numbers)
        """The names of the numeric features."""
        self.categorical = tuple(binning.categories)
        """The names of the category and boolean features."""
        self.numbers = [*binning.numbers.values(), *([binning.output] if binning.output else [])]
        """The bins of the numeric features, then those of the model's output."""
        self.known = [tuple(known) for known in binning.categories.values()]
        """The known categories of each category feature."""
        self.width = 1 + max((len(bins.edges) for bins in self.numbers), default=0)
        """The largest number of bins of any number."""
        self.edges = [np.array(bins.edges, float) for bins in self.numbers]
        """The inner edges of each number's bins, shape (bins - 1,)."""
        self.centre = np.array([bins.centre for bins in self.numbers], float)[:, None]
        """The centres of the grids of exact sums, shape (numbers, 1)."""
        self.scale = np.ldexp(1.0, np.array([bins.exponent for bins in self.numbers], int))[:, None]
        """The number of steps in one unit on these grids, shape (numbers, 1)."""
        self.low = np.array([_or(bins.lowest, -np.inf) for bins in self.numbers], float)
        self.high = np.array([_or(bins.highest, np.inf) for bins in self.numbers], float)
        """The declared ranges, shape (numbers,); infinite: not declared."""

    @classmethod
    def of(cls, monitor: Monitor, reference: Reference | None) -> Self:
        """Bin the declared features as in the reference; those that it lacks by their declared range.

        Args:
            monitor: The monitor, which declares the features.
            reference: The reference, if there is one.
        """
        known = reference.binning if reference else Binning(numbers={}, categories={})
        return cls(
            Binning(
                numbers={
                    name: _number_bins(feature.range, known.numbers.get(name))
                    for name, feature in monitor.features.items()
                    if feature.type in ("number", "integer")
                },
                categories={
                    name: _known(feature, known.categories.get(name, ()))
                    for name, feature in monitor.features.items()
                    if feature.type in ("category", "boolean")
                },
                output=_output_bins(monitor, known.output),
                task=monitor.task,
                threshold=monitor.labels.threshold if monitor.labels else 0.5,
            )
        )

    def values(self, columns: Columns) -> Floats:
        """Stack the numeric features and the output of a batch.

        Args:
            columns: The batch.

        Returns:
            The values, shape (numbers, rows). What is not finite is NaN, and -0.0 is 0.0.
        """
        values = np.empty((len(self.numbers), columns.rows))
        features = len(self.numeric)
        values[:features] = columns.numbers
        if len(values) > features:
            values[features] = np.nan if columns.scores is None else columns.scores
        values += 0.0
        infinite = np.isinf(values)
        if infinite.any():
            values[infinite] = np.nan
        return values


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _output_bins(monitor: Monitor, known: NumberBinning | None) -> NumberBinning | None:
    if monitor.task is None:
        return None
    return _number_bins(SCHEMAS[monitor.task].output_range, known)


def _number_bins(span: tuple[float, float] | None, known: NumberBinning | None) -> NumberBinning:
    low, high = span or (None, None)
    if known is not None:
        return msgspec.structs.replace(known, lowest=low, highest=high)
    if low is None or high is None:
        return NumberBinning()
    return NumberBinning(
        edges=tuple(np.linspace(low, high, BINS + 1)[1:-1].tolist()),
        centre=(low + high) / 2,
        exponent=grid_exponent((high - low) / 4),
        lowest=low,
        highest=high,
    )


def _known(feature: Feature, of_reference: tuple[str, ...]) -> tuple[str, ...]:
    if feature.type == "boolean":
        return BOOLEANS
    return tuple(dict.fromkeys(feature.categories or of_reference))
