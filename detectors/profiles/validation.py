"""Validates the counts of a profile: complete, of the layout's shape, and possible.

A profile is read from a topic. An impossible one is refused there, so that no calculation on it can fail.
What each task adds to the labels is validated in `detectors/tasks`. Cost: 0.03 ms for 20 features.
"""

from itertools import pairwise
from math import isfinite

from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.fixed_point import unpack
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.unseen import KEPT
from watchkeeper.schemas.profiles import CategoryCounts, LabelsCounts, NumberCounts, RowsCounts, SpansCounts


class Implausible(ValueError):
    """The counts are not those of any rows."""


def check_rows(counts: RowsCounts, layout: Layout) -> None:
    """Raise Implausible for counts that no rows of the layout can have."""
    require(len(counts.numbers) == len(layout.numbers), "it has other numbers than its layout")
    require(len(counts.categories) == len(layout.known), "it has other categories than its layout")
    for number, edges in zip(counts.numbers, layout.edges, strict=True):
        require(len(number.bins) == len(edges) + 1, "a number has other bins than its layout")
        _check_number(number, counts.rows)
    for category, known in zip(counts.categories, layout.known, strict=True):
        require(len(category.known) == len(known), "a feature has other categories than its layout")
        _check_category(category, counts.rows)
    require(total_of_pairs(counts.latency, buckets.COUNT) <= counts.rows, "it has more latencies than rows")
    require((counts.first_ms is None) == (counts.last_ms is None), "its rows have a beginning and no end")
    if counts.spans is not None:
        _check_spans(counts.spans)


def check_labels(counts: LabelsCounts) -> None:
    """Raise Implausible for counts that no labels of any task can have."""
    require(counts.scored <= counts.labels, "it has more scores than labels")
    require(total_of_pairs(counts.lag, buckets.COUNT) <= counts.labels, "it has more delays than labels")


def _check_number(number: NumberCounts, rows: int) -> None:
    usable = sum(number.bins)
    require(max(usable, number.wrong_type) <= rows, "a number has more values than rows")
    require(number.out_of_range <= usable, "a number has more values out of range than values")
    total, squares = unpack(number.total), unpack(number.squares)
    require(total * total <= usable * squares and squares >= 0, "the sums of a number contradict each other")
    require(usable > 0 or squares == 0, "a number has sums of nothing")
    lowest, highest = number.lowest, number.highest
    if usable == 0:
        require(lowest is None and highest is None, "a number has extremes of nothing")
        return
    ordered = lowest is not None and highest is not None and lowest <= highest
    require(ordered and isfinite(lowest or 0) and isfinite(highest or 0), "a number has no extremes")


def _check_category(category: CategoryCounts, rows: int) -> None:
    values = sum(category.known) + category.unseen
    require(max(values, category.wrong_type) <= rows, "a category has more values than rows")
    require(
        len(category.kept) <= KEPT and sum(category.kept.values()) <= category.unseen, "too much is unseen"
    )


def _check_spans(spans: SpansCounts) -> None:
    require(spans.count > 0 and spans.rows_min <= spans.rows_max, "its spans contradict each other")
    for known in (spans.worst, spans.steps, spans.moved):
        require(all(len(values) == 3 for values in known.values()), "its spans have not three extremes")
        require(
            all(map(isfinite, (x for values in known.values() for x in values))), "its spans have no extremes"
        )


def total_of_pairs(pairs: list[int], size: int) -> int:
    """Return the total of a histogram of bucket, count, bucket, count, ...; it has `size` buckets at most."""
    places = pairs[::2]
    require(len(pairs) % 2 == 0 and all(place < size for place in places), "a histogram has other buckets")
    require(all(a < b for a, b in pairwise(places)), "a histogram is out of order")
    return sum(pairs[1::2])


def require(good: bool, why: str) -> None:
    """Raise Implausible with a reason, unless the condition holds."""
    if not good:
        raise Implausible(why)
