"""What the reference of a subject says to the engine: channels on the bins that profiles are counted in."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.engine.bins import CategoryBins, NumberBins
from watchkeeper.detectors.engine.channel import MISSING, Channel, Terms, fit_missing, fit_values
from watchkeeper.detectors.engine.season import Season
from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.tasks import task_of
from watchkeeper.detectors.tasks.base import LabelSignal

OUTPUT = ""
"""Stands for the model's output among the names of features."""
MODEL_ROWS_MIN = 1000
"""The fewest rows of a reference, or of its labels, that show how values wander. Chosen by hand."""
Fit = tuple[Channel, Season | None]


class Model(Struct):
    """The channels of rows, and that of labels."""

    rows: list[Channel]
    labels: list[Channel] = []
    hours: int = 0
    """Of the cycle of the season; 0: none."""
    segments: dict[str, "Model"] = {}
    """Those of the rows of each segment that is bet on, without labels."""


def fit_model(
    layout: Layout, columns: Columns, times_ms: Floats | None, labels: Floats | None
) -> Model | None:
    """Fit the channels; rows are put in order of time where it is known. None for too few rows."""
    if columns.rows < MODEL_ROWS_MIN:
        return None
    if times_ms is not None:
        order = np.argsort(times_ms, kind="stable")
        columns, times_ms = columns.take(order), times_ms[order]
        labels = None if labels is None else labels[order]
    fits = _of_rows(layout, columns, times_ms)
    errors = [] if labels is None else _of_labels(layout, columns, labels, times_ms)
    hours = max((season.hours for _, season in [*fits, *errors] if season is not None), default=0)
    return Model(_with_seasons(fits, hours), _with_seasons(errors, hours), hours)


def _of_rows(layout: Layout, columns: Columns, times_ms: Floats | None) -> list[Fit]:
    fits: list[Fit] = []
    terms = Terms()
    share = 1 / max(1, len(layout.numbers) + len(layout.categorical))
    outputs = [OUTPUT] if layout.binning.output is not None and columns.scores is not None else []
    values = [*columns.numbers, *([columns.scores] if outputs else [])]
    for name, shape, cells in zip([*layout.numeric, *outputs], layout.numbers, values, strict=False):
        if shape.edges and cells is not None and np.isfinite(cells).any():
            channel, season = fit_values(name, cells, times_ms, terms, NumberBins(shape.edges))
            fits.append((replace(channel, weight=share * (1 - MISSING)), season))
        if name != OUTPUT and cells is not None:
            fits.append(_missing(fit_missing(name, cells, times_ms, terms), share))
    for name, texts, known in zip(layout.categorical, columns.categories, layout.known, strict=True):
        if any(text is not None for text in texts):
            bins = CategoryBins.of(texts, frozenset(known))
            channel, season = fit_values(name, texts, times_ms, terms, bins)
            fits.append((replace(channel, weight=share * (1 - MISSING)), season))
        fits.append(_missing(fit_missing(name, texts, times_ms, terms), share))
    return fits


def _missing(fit: Fit, share: float) -> Fit:
    return replace(fit[0], weight=share * MISSING), fit[1]


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
    terms = Terms(losses=(signal.name,) if signal.is_loss else ())
    channel, season = fit_values(signal.name, signal.values, times_ms, terms)
    return replace(channel, weight=signal.weight), season


def _with_seasons(fits: list[Fit], hours: int) -> list[Channel]:
    return [
        replace(channel, season=season.means if season is not None and season.hours == hours else None)
        for channel, season in fits
    ]


def category_places(bins: CategoryBins, known: tuple[str, ...]) -> Mapping[str, int]:
    """Say in which bin of the engine each known category of a layout is counted."""
    return dict(zip(known, bins.codes(known).tolist(), strict=True))
