"""What the reference of a subject says to the engine: channels on the bins that profiles are counted in."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from watchkeeper.detectors.engine.bins import CategoryBins, NumberBins
from watchkeeper.detectors.engine.channel import MISSING, Channel, Terms, fit_missing, fit_values
from watchkeeper.detectors.engine.season import Season
from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.detectors.profiles.labels import SCORE_BINS
from watchkeeper.detectors.profiles.layout import OUTPUT, Layout

ERROR = "error"
"""Stands for wrong answers, or absolute errors, on labels."""
RESIDUAL = "calibration residual"
"""Stands for label minus score, of a classification."""
OF_LABELS = frozenset({ERROR, RESIDUAL})
_RESIDUAL = 0.3
"""Of the budget of labels."""
ROWS_MIN = 1000
"""A shorter reference does not say how values wander."""
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
    if columns.rows < ROWS_MIN:
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
    """Fit the errors: whether the answer was wrong, or how far off it was."""
    if columns.scores is None:
        return []
    known = np.isfinite(labels) & np.isfinite(columns.scores)
    if np.count_nonzero(known) < ROWS_MIN:
        return []
    if layout.binning.task == "regression":
        errors = np.abs(columns.scores[known] - labels[known])
    else:
        errors = ((columns.scores[known] >= layout.binning.threshold) != (labels[known] == 1.0)).astype(float)
    times_ms = None if times_ms is None else times_ms[known]
    if len(np.unique(errors)) == 1:
        return []
    wrong = fit_values(ERROR, errors, times_ms, Terms(losses=(ERROR,)))
    if layout.binning.task == "regression":
        return [wrong]
    residual = fit_values(RESIDUAL, residuals(columns.scores[known], labels[known]), times_ms, Terms())
    return [
        (replace(channel, weight=share), season)
        for (channel, season), share in ((wrong, 1 - _RESIDUAL), (residual, _RESIDUAL))
    ]


def residuals(scores: Floats, labels: Floats) -> Floats:
    """Give label minus score, the score as `LabelsProfile` keeps it: the middle of its bin.

    A model whose scores are right on average has a mean of 0; one that is too sure has not, at either end.
    """
    fine = np.minimum((np.clip(scores, 0.0, 1.0) * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    found: Floats = labels - (fine + 0.5) / SCORE_BINS
    return found


def _with_seasons(fits: list[Fit], hours: int) -> list[Channel]:
    return [
        replace(channel, season=season.means if season is not None and season.hours == hours else None)
        for channel, season in fits
    ]


def category_places(bins: CategoryBins, known: tuple[str, ...]) -> Mapping[str, int]:
    """Say in which bin of the engine each known category of a layout is counted."""
    return dict(zip(known, bins.codes(known).tolist(), strict=True))
