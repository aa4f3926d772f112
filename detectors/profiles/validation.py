"""Validates the counts of a profile: they must be complete, of the layout's shape, and possible.

Profiles are read from a topic. Impossible ones are rejected on reading, so that no calculation on them can
fail. The counts of one task are validated in `detectors/tasks`. Cost: 0.03 ms for 20 features.
"""

from itertools import pairwise
from math import isfinite

from watchkeeper.detectors.profiles import buckets
from watchkeeper.detectors.profiles.fixed_point import unpack
from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.unseen import KEPT
from watchkeeper.schemas.profiles import CategoryCounts, LabelsCounts, NumberCounts, RowsCounts, SpansCounts


class Implausible(ValueError):
    """No rows or labels can have these counts."""


def check_rows(counts: RowsCounts, layout: Layout) -> None:
    """Validate the counts of rows.

    Args:
        counts: The counts.
        layout: Their layout.

    Raises:
        Implausible: No rows of the layout can have these counts.
    """
    require(
        len(counts.numbers) == len(layout.numbers),
        "it has another number of numeric features than its layout",
    )
    require(
        len(counts.categories) == len(layout.known),
        "it has another number of category features than its layout",
    )
    for number, edges in zip(counts.numbers, layout.edges, strict=True):
        require(
            len(number.bins) == len(edges) + 1, "a numeric feature has another number of bins than its layout"
        )
        _check_number(number, counts.rows)
    for category, known in zip(counts.categories, layout.known, strict=True):
        require(
            len(category.known) == len(known),
            "a category feature has another number of known categories than its layout",
        )
        _check_category(category, counts.rows)
    require(total_of_pairs(counts.latency, buckets.COUNT) <= counts.rows, "it has more latencies than rows")
    require(
        (counts.first_ms is None) == (counts.last_ms is None),
        "it has only one of the first and last event times",
    )
    require(counts.labelled <= counts.rows, "it has more rows with only a label than rows")
    if counts.spans is not None:
        _check_spans(counts.spans)


def check_labels(counts: LabelsCounts) -> None:
    """Validate the counts that labels of all tasks have.

    Args:
        counts: The counts.

    Raises:
        Implausible: No labels of any task can have these counts.
    """
    require(counts.scored <= counts.labels, "it has more scores than labels")
    require(total_of_pairs(counts.lag, buckets.COUNT) <= counts.labels, "it has more delays than labels")


def _check_number(number: NumberCounts, rows: int) -> None:
    usable = sum(number.bins)
    require(max(usable, number.wrong_type) <= rows, "a numeric feature has more values than rows")
    require(number.out_of_range <= usable, "a numeric feature has more values out of range than values")
    total, squares = unpack(number.total), unpack(number.squares)
    require(
        total * total <= usable * squares and squares >= 0,
        "the sum of squares of a numeric feature is too small for its sum",
    )
    require(usable > 0 or squares == 0, "a numeric feature has sums without values")
    lowest, highest = number.lowest, number.highest
    if usable == 0:
        require(lowest is None and highest is None, "a numeric feature has extremes without values")
        return
    ordered = lowest is not None and highest is not None and lowest <= highest
    require(
        ordered and isfinite(lowest or 0) and isfinite(highest or 0),
        "the extremes of a numeric feature are missing, not finite or out of order",
    )


def _check_category(category: CategoryCounts, rows: int) -> None:
    values = sum(category.known) + category.unseen
    require(max(values, category.wrong_type) <= rows, "a category feature has more values than rows")
    require(
        len(category.kept) <= KEPT and sum(category.kept.values()) <= category.unseen,
        "a category feature keeps too many unseen categories",
    )


def _check_spans(spans: SpansCounts) -> None:
    require(
        spans.count > 0 and spans.rows_min <= spans.rows_max,
        "it has no spans, or fewer rows in the largest span than in the smallest",
    )
    for known in (spans.worst, spans.steps, spans.moved):
        require(
            all(len(values) == 3 for values in known.values()), "a feature's spans do not have three extremes"
        )
        require(
            all(map(isfinite, (x for values in known.values() for x in values))),
            "an extreme of its spans is not finite",
        )


def total_of_pairs(pairs: list[int], size: int) -> int:
    """Return the total of a histogram.

    Args:
        pairs: Bucket, count, bucket, count, ... in order of the buckets.
        size: The number of possible buckets.

    Raises:
        Implausible: The list is not such a histogram.
    """
    places = pairs[::2]
    require(
        len(pairs) % 2 == 0 and all(place < size for place in places), "a histogram has impossible buckets"
    )
    require(all(a < b for a, b in pairwise(places)), "the buckets of a histogram are out of order")
    return sum(pairs[1::2])


def require(good: bool, why: str) -> None:
    """Raise Implausible unless a condition holds.

    Args:
        good: The condition.
        why: What is wrong if it does not hold.

    Raises:
        Implausible: The condition does not hold.
    """
    if not good:
        raise Implausible(why)
