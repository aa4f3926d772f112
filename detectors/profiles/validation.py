"""What the counts of a profile must be to be used: whole, of the layout's shape, and possible.

A profile comes over a topic. One that is nonsense is refused where it is read, so that nothing that is worked
out from it can fail. Cost: 0.03 ms for 20 features.
"""

from itertools import pairwise
from math import isfinite

from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.fixed_point import unpack
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.unseen import KEPT
from watchkeeper.schemas.profiles import CategoryCounts, LabelsCounts, NumberCounts, RowsCounts, SpansCounts


class Implausible(ValueError):
    """Counts that no rows can have."""


def check_rows(counts: RowsCounts, layout: Layout) -> None:
    """Refuse what can't be the rows of a layout."""
    _is(len(counts.numbers) == len(layout.numbers), "it has other numbers than its layout")
    _is(len(counts.categories) == len(layout.known), "it has other categories than its layout")
    for number, edges in zip(counts.numbers, layout.edges, strict=True):
        _is(len(number.bins) == len(edges) + 1, "a number has other bins than its layout")
        _check_number(number, counts.rows)
    for category, known in zip(counts.categories, layout.known, strict=True):
        _is(len(category.known) == len(known), "a feature has other categories than its layout")
        _check_category(category, counts.rows)
    _is(_pairs(counts.latency, buckets.COUNT) <= counts.rows, "it has more latencies than rows")
    _is((counts.first_ms is None) == (counts.last_ms is None), "its rows have a beginning and no end")
    if counts.spans is not None:
        _check_spans(counts.spans)


def check_labels(counts: LabelsCounts, layout: Layout, bins: int, calibration_bins: int) -> None:
    """Refuse what can't be the labels of a layout."""
    binary = layout.binning.task != "regression"
    shape = len(counts.sums), len(counts.confusion), len(counts.histograms), len(counts.calibration)
    _is(shape == (2 if binary else 3, 4, 2, 3), "it has not the sums that its task has")
    _is(all(len(row) == calibration_bins for row in counts.calibration), "its calibration has other bins")
    negatives, positives = (_pairs(pairs, bins) for pairs in counts.histograms)
    scored = counts.scored if binary else 0
    _is(counts.scored <= counts.labels, "it has more scores than labels")
    _is(negatives + positives == scored, "its scores do not add up")
    _is(sum(counts.calibration[0]) == scored, "its calibration does not add up")
    _is(sum(counts.calibration[1]) == positives, "its positives do not add up")
    _is(sum(counts.confusion) == (counts.labels if binary else 0), "its confusion does not add up")
    _is(_pairs(counts.errors, buckets.COUNT) <= counts.labels, "it has more errors than labels")
    _is(_pairs(counts.lag, buckets.COUNT) <= counts.labels, "it has more delays than labels")
    first, *others = map(unpack, counts.sums)
    _is(min(others) >= 0, "a sum is below nothing")
    _is(counts.scored > 0 or not any((first, *others)), "it has sums of nothing")
    if binary:
        _is(first >= 0, "a sum is below nothing")
    else:
        _is(first * first <= counts.scored * others[-1], "its sums contradict each other")


def _check_number(number: NumberCounts, rows: int) -> None:
    usable = sum(number.bins)
    _is(max(usable, number.wrong_type) <= rows, "a number has more values than rows")
    _is(number.out_of_range <= usable, "a number has more values out of range than values")
    total, squares = unpack(number.total), unpack(number.squares)
    _is(total * total <= usable * squares and squares >= 0, "the sums of a number contradict each other")
    _is(usable > 0 or squares == 0, "a number has sums of nothing")
    lowest, highest = number.lowest, number.highest
    if usable == 0:
        _is(lowest is None and highest is None, "a number has extremes of nothing")
        return
    ordered = lowest is not None and highest is not None and lowest <= highest
    _is(ordered and isfinite(lowest or 0) and isfinite(highest or 0), "a number has no extremes")


def _check_category(category: CategoryCounts, rows: int) -> None:
    values = sum(category.known) + category.unseen
    _is(max(values, category.wrong_type) <= rows, "a category has more values than rows")
    _is(len(category.kept) <= KEPT and sum(category.kept.values()) <= category.unseen, "too much is unseen")


def _check_spans(spans: SpansCounts) -> None:
    _is(spans.count > 0 and spans.rows_min <= spans.rows_max, "its spans contradict each other")
    for known in (spans.worst, spans.steps, spans.moved):
        _is(all(len(values) == 3 for values in known.values()), "its spans have not three extremes")
        _is(
            all(map(isfinite, (x for values in known.values() for x in values))), "its spans have no extremes"
        )


def _pairs(pairs: list[int], size: int) -> int:
    """Return how many were counted in a histogram of bucket, count, bucket, count, ..."""
    places = pairs[::2]
    _is(len(pairs) % 2 == 0 and all(place < size for place in places), "a histogram has other buckets")
    _is(all(a < b for a, b in pairwise(places)), "a histogram is out of order")
    return sum(pairs[1::2])


def _is(good: bool, why: str) -> None:
    if not good:
        raise Implausible(why)
