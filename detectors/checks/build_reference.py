"""Builds a reference: fits the bins to the rows, then counts the rows in them."""

from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from watchkeeper.detectors.checks.drift.ordinary import ordinary_moves
from watchkeeper.detectors.engine.model import EngineModel, fit_model
from watchkeeper.detectors.profiles.columns import Columns, Floats
from watchkeeper.detectors.profiles.edges import equal_shares
from watchkeeper.detectors.profiles.fixed_point import grid_exponent
from watchkeeper.detectors.profiles.layout import BINS, Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.spans import span_ms
from watchkeeper.detectors.profiles.steps import ordinary_step
from watchkeeper.detectors.profiles.unseen import shorten
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.monitors import Monitor
from watchkeeper.schemas.references import Binning, NumberBinning, Reference

__all__ = ["Reference", "build_reference", "fit_number"]

KNOWN_MAX = 500
"""Rarer categories than the 500 most common are counted as unseen, in the reference as in the stream."""
SEGMENTS_MAX = 100
"""Segments beyond the 100 largest of a dimension have no reference of their own."""

MODELS_MAX, MODELS_BYTES = 50, 4 * 2**20
"""So many segments at most are bet on, the largest, as far as the record has room for what was learned."""

MEASURED_MAX = 400
"""Of more windows than so many, as many are taken to learn how far windows ordinarily move."""


def build_reference(
    monitor: Monitor,
    columns: Columns,
    segments: dict[str, list[str]],
    *,
    labels: Floats | None = None,
    scores: Floats | None = None,
    version: str | None = None,
    built_at_ms: int,
    times_ms: Floats | None = None,
    drift: bool = True,
) -> Reference:
    """Build the reference of a subject from rows; segments give each dimension's value per row.

    Labels (NaN: not known) are measured with the scores, or with the columns' own scores. With event times
    the reference also knows how windows varied, which tells a fault from an ordinary bad day. Without `drift`
    it has only what the checks of data faults need, in half of the time.
    """
    if scores is not None:
        columns = replace(columns, scores=scores)
    layout = Layout(_fit(Layout.of(monitor, None).binning, columns))
    groups = _groups(segments)
    spans = None if times_ms is None else times_ms // span_ms(monitor.windows)
    reference = Reference(
        subject=monitor.subject,
        version=version,
        built_at_ms=built_at_ms,
        rows=columns.rows,
        binning=layout.binning,
        profile=_rows(layout, columns, spans, drift),
        segments={
            name: _rows(layout, columns.take(index), None if spans is None else spans[index], drift)
            for name, index in groups.items()
        },
    )
    model = fit_model(layout, columns, times_ms, labels) if drift else None
    if model is not None:
        model.segments = _models(layout, columns, times_ms, groups)
        reference = msgspec.structs.replace(reference, engine=msgspec.msgpack.encode(model))
    if labels is None or columns.scores is None:
        return reference
    scores = columns.scores
    return msgspec.structs.replace(
        reference,
        labels=_labels(layout, scores, labels),
        segment_labels={name: _labels(layout, scores[i], labels[i]) for name, i in groups.items()},
    )


def fit_number(bins: NumberBinning, values: Floats) -> NumberBinning:
    """Fit bins of equal share and a grid of sums to values; with no usable value the bins stay.

    >>> fit_number(NumberBinning(), np.array([0.0] * 90 + [5.0] * 10)).edges
    (5.0,)
    >>> fit_number(NumberBinning(), np.array([0.0] * 990 + [3.0] * 5 + [5.0] * 5)).edges
    (3.0,)
    """
    usable = values[np.isfinite(values)] + 0.0
    if not len(usable):
        return bins
    # The spread of the middle 95 %, so that one absurd value does not make the grid coarse for all.
    low, middle, high = np.quantile(usable, [0.025, 0.5, 0.975], method="inverted_cdf")
    exponent = grid_exponent(float(high / 4 - low / 4) or _deviation(usable))
    step = float(np.ldexp(1.0, -exponent))
    return msgspec.structs.replace(
        bins,
        edges=tuple(equal_shares(usable, BINS).tolist()),
        centre=float(np.rint(middle / step) * step),
        exponent=exponent,
    )


def _deviation(values: Floats) -> float:
    largest = float(np.abs(values).max())
    return largest * float(np.std(values / largest)) if largest else 0.0


def _fit(binning: Binning, columns: Columns) -> Binning:
    numbers = zip(binning.numbers.items(), columns.numbers, strict=True)
    categories = zip(binning.categories.items(), columns.categories, strict=True)
    output, scores = binning.output, columns.scores
    return msgspec.structs.replace(
        binning,
        numbers={name: fit_number(bins, values) for (name, bins), values in numbers},
        categories={name: known or _most_common(column) for (name, known), column in categories},
        output=output if output is None or scores is None else fit_number(output, scores),
    )


def _most_common(column: list[str | None]) -> tuple[str, ...]:
    counts = Counter(category for category in column if category is not None)
    # What is kept only in short is never known, or no row could match it.
    names = [category for category in counts if shorten(category) == category]
    return tuple(sorted(names, key=lambda category: (-counts[category], category))[:KNOWN_MAX])


def _groups(segments: dict[str, list[str]]) -> dict[str, NDArray[np.int64]]:
    groups = {}
    for dimension, values in segments.items():
        rows = np.array(values, dtype=object)
        for value, _ in Counter(values).most_common(SEGMENTS_MAX):
            groups[f"{dimension}={value}"] = np.flatnonzero(rows == value)
    return groups


def _rows(layout: Layout, columns: Columns, spans: Floats | None, drift: bool) -> bytes:
    if spans is None:
        return _count(layout, columns).encode()
    in_order = np.argsort(spans, kind="stable")
    _, starts = np.unique(spans[in_order], return_index=True)
    parts = [_count(layout, columns.take(rows)) for rows in np.split(in_order, starts[1:])]
    profile = RowsProfile.empty(layout)
    for part in parts:
        part.seal()
        profile.merge(part)
    steps = {name: ordinary_step([part.number(name) for part in parts]) for name in layout.numeric}
    profile.spans.steps = {name: step for name, step in steps.items() if step is not None}
    if drift:
        profile.spans.moved = ordinary_moves(profile, parts[:: max(1, len(parts) // MEASURED_MAX)])
    return profile.encode()


def _count(layout: Layout, columns: Columns) -> RowsProfile:
    profile = RowsProfile.empty(layout)
    profile.add(columns)
    return profile


def _models(
    layout: Layout, columns: Columns, times_ms: Floats | None, groups: dict[str, NDArray[np.int64]]
) -> dict[str, EngineModel]:
    """Fit the engine to the rows of each of the largest segments."""
    found: dict[str, EngineModel] = {}
    room = MODELS_BYTES
    for name, index in sorted(groups.items(), key=lambda each: (-len(each[1]), each[0]))[:MODELS_MAX]:
        times = None if times_ms is None else times_ms[index]
        model = fit_model(layout, columns.take(index), times, None)
        room -= 0 if model is None else len(msgspec.msgpack.encode(model))
        if model is None or room < 0:
            break
        found[name] = model
    return found


def _labels(layout: Layout, scores: Floats, labels: Floats) -> bytes:
    profile = labels_of(layout).empty(layout)
    known = ~np.isnan(labels)
    profile.add(scores[known], labels[known], np.full(np.count_nonzero(known), np.nan))
    return profile.encode()
