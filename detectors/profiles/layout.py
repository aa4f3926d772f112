"""How the rows of one subject become counts: the shape that all its profiles share."""

import hashlib
from typing import Self

import msgspec
import numpy as np

from watchkeeper.detectors.profiles.fixed_point import grid_exponent
from watchkeeper.schemas.monitors import Feature, Monitor
from watchkeeper.schemas.references import Binning, NumberBinning, Reference

BINS = 40
BOOLEANS = ("false", "true")


class Layout:
    """The arrays that turn rows into counts. Profiles merge only if their layouts have the same id.

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
        self.numeric = tuple(binning.numbers)
        self.categorical = tuple(binning.categories)
        self.numbers = [*binning.numbers.values(), *([binning.output] if binning.output else [])]
        """The bins of the numeric features, then those of the model's output."""
        self.known = [tuple(known) for known in binning.categories.values()]
        self.width = 1 + max((len(bins.edges) for bins in self.numbers), default=0)
        self.edges = [np.array(bins.edges, float) for bins in self.numbers]
        self.centre = np.array([bins.centre for bins in self.numbers], float)[:, None]
        self.scale = np.ldexp(1.0, np.array([bins.exponent for bins in self.numbers], int))[:, None]
        self.low = np.array([_or(bins.lowest, -np.inf) for bins in self.numbers], float)
        self.high = np.array([_or(bins.highest, np.inf) for bins in self.numbers], float)

    @classmethod
    def of(cls, monitor: Monitor, reference: Reference | None) -> Self:
        """Bin what the monitor declares as the reference does, and what the reference lacks by its range."""
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


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _output_bins(monitor: Monitor, known: NumberBinning | None) -> NumberBinning | None:
    if monitor.task is None:
        return None
    return _number_bins((0.0, 1.0) if monitor.task == "binary-classification" else None, known)


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
