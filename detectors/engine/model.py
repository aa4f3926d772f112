"""The engine's model of a reference: channels on the bins in which profiles count rows."""

from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.engine.bins import NumericBins
from watchkeeper.detectors.engine.category_bins import CategoryBins
from watchkeeper.detectors.engine.channel import (
    MISSING_BUDGET,
    Channel,
    Fit,
    FitOptions,
    fit_missing,
    fit_values,
)
from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.detectors.profiles.layout import OUTPUT, Layout
from watchkeeper.detectors.tasks import task_of
from watchkeeper.detectors.tasks.base import LabelSignal
from watchkeeper.schemas.references import Reference

MODEL_ROWS_MIN = 1000
"""Minimum number of rows of a reference, or of its labels. Chosen by hand: fewer show little of the
variability."""


class EngineModel(Struct):
    """The channels of rows and of labels. It is saved with a reference."""

    rows: list[Channel]
    """Channels of features and of the output."""
    labels: list[Channel] = []
    """Channels of labels."""
    hours: int = 0
    """Length of the season's cycle in hours; 0: no season."""
    segments: dict[str, "EngineModel"] = {}
    """Model of the rows of each segment that is bet on, without labels."""


def fit_model(
    layout: Layout, columns: Columns, times_ms: Floats | None, labels: Floats | None
) -> EngineModel | None:
    """Fit the channels. Rows are put in order of time if it is known.

    Args:
        layout: Features, and the bins in which profiles count them.
        columns: Rows of the reference.
        times_ms: Times in milliseconds since 1970, of shape (rows,); None if unknown.
        labels: Labels, NaN where one is missing, of shape (rows,); None if there are none.

    Returns:
        The model; None for too few rows.
    """
    if columns.rows < MODEL_ROWS_MIN:
        return None
    if times_ms is not None:
        order = np.argsort(times_ms, kind="stable")
        columns, times_ms = columns.take(order), times_ms[order]
        labels = None if labels is None else labels[order]
    fits = _of_rows(layout, columns, times_ms)
    errors = [] if labels is None else _of_labels(layout, columns, labels, times_ms)
    hours = max((season.hours for _, season in [*fits, *errors] if season is not None), default=0)
    return EngineModel(_with_seasons(fits, hours), _with_seasons(errors, hours), hours)


def _of_rows(layout: Layout, columns: Columns, times_ms: Floats | None) -> list[Fit]:
    """Fit the channels of features and of the output."""
    fits: list[Fit] = []
    options = FitOptions()
    share = 1 / max(1, len(layout.numbers) + len(layout.categorical))
    outputs = [OUTPUT] if layout.binning.output is not None and columns.scores is not None else []
    values = [*columns.numbers, *([columns.scores] if outputs else [])]
    for name, shape, cells in zip([*layout.numeric, *outputs], layout.numbers, values, strict=False):
        if shape.edges and cells is not None and np.isfinite(cells).any():
            channel, season = fit_values(name, cells, times_ms, options, NumericBins(shape.edges))
            fits.append((replace(channel, weight=share * (1 - MISSING_BUDGET)), season))
        if name != OUTPUT and cells is not None:
            fits.append(_missing(fit_missing(name, cells, times_ms, options), share))
    for name, texts, known in zip(layout.categorical, columns.categories, layout.known, strict=True):
        if any(text is not None for text in texts):
            bins = CategoryBins.of(texts, frozenset(known))
            channel, season = fit_values(name, texts, times_ms, options, bins)
            fits.append((replace(channel, weight=share * (1 - MISSING_BUDGET)), season))
        fits.append(_missing(fit_missing(name, texts, times_ms, options), share))
    return fits


def _missing(fit: Fit, share: float) -> Fit:
    """Give a channel of missing values its share of the budget."""
    return replace(fit[0], weight=share * MISSING_BUDGET), fit[1]


def _of_labels(layout: Layout, columns: Columns, labels: Floats, times_ms: Floats | None) -> list[Fit]:
    """Fit the label signals of the task; none where all errors are equal."""
    if columns.scores is None:
        return []
    known = np.isfinite(labels) & np.isfinite(columns.scores)
    if np.count_nonzero(known) < MODEL_ROWS_MIN:
        return []
    signals = task_of(layout.binning.task).label_signals(layout, columns.scores[known], labels[known])
    if len(np.unique(signals[0].values)) == 1:
        return []
    times_ms = None if times_ms is None else times_ms[known]
    return [_label_fit(signal, times_ms) for signal in signals]


def _label_fit(signal: LabelSignal, times_ms: Floats | None) -> Fit:
    options = FitOptions(losses=(signal.name,) if signal.is_loss else ())
    channel, season = fit_values(signal.name, signal.values, times_ms, options)
    return replace(channel, weight=signal.weight), season


def _with_seasons(fits: list[Fit], hours: int) -> list[Channel]:
    """Return the channels with their seasons, if these have the chosen cycle."""
    return [
        replace(channel, season=season.means if season is not None and season.hours == hours else None)
        for channel, season in fits
    ]


def category_codes(bins: CategoryBins, known: tuple[str, ...]) -> Mapping[str, int]:
    """Return the engine's bin of each known category of a layout.

    Args:
        bins: The engine's bins.
        known: Known categories of the layout.
    """
    return dict(zip(known, bins.codes(known).tolist(), strict=True))


def reference_model(reference: Reference | None) -> EngineModel | None:
    """Read what the engine knows of a reference; None for a short one, and one older than the engine."""
    if reference is None or reference.engine is None:
        return None
    return msgspec.msgpack.decode(reference.engine, type=EngineModel)
