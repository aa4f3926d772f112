"""Builds a reference: fits bins to rows, and counts the rows in them."""

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
"""The most known categories of a feature: the most common ones. Rarer ones count as unseen, in the reference
and in the stream. Chosen by hand; it bounds the size of profiles."""
SEGMENTS_MAX = 100
"""The most segments of a dimension with a reference of their own: the largest. Chosen by hand; it bounds the
size of the reference."""

MODELS_MAX, MODELS_BYTES = 50, 4 * 2**20
"""The most segments that the engine bets on, the largest first, and the most bytes of their models. Chosen by
hand: a reference must fit into one Kafka record."""

MEASURED_MAX = 400
"""Number of windows that are enough to learn how far windows ordinarily move. From a longer reference about
as many are taken, evenly spaced. Chosen by hand; it bounds the time."""


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
    """Build the reference of a subject from rows.

    Args:
        monitor: The monitor of the subject.
        columns: The rows.
        segments: Segment dimension -> the value of each row, a list of length rows.
        labels: The label of each row, shape (rows,); NaN: unknown. None: there are no labels.
        scores: The output of each row, shape (rows,); NaN: none. None: those of `columns`.
        version: The model's version; None: the reference is for all versions.
        built_at_ms: The build time in milliseconds.
        times_ms: The event time of each row in milliseconds, shape (rows,). With it the reference also has
            the variation of windows, which distinguishes a fault from an ordinary bad day.
        drift: Whether to build what the checks of drift need. Without it the build takes half the time.

    Returns:
        The reference.
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
    """Fit bins of equal share, and a grid of exact sums, to values.

    Args:
        bins: The declared bins. They are returned unchanged if no value is finite.
        values: The values, shape (rows,); NaN and infinite values are ignored.

    Returns:
        The fitted bins, with the declared range.

    >>> fit_number(NumberBinning(), np.array([0.0] * 90 + [5.0] * 10)).edges
    (5.0,)
    >>> fit_number(NumberBinning(), np.array([0.0] * 990 + [3.0] * 5 + [5.0] * 5)).edges
    (3.0,)
    """
    usable = values[np.isfinite(values)] + 0.0
    if not len(usable):
        return bins
    # The spread of the middle 95 %: one absurd value must not make the grid coarse.
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
    # A shortened name cannot be a known category, because no row could match it.
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
