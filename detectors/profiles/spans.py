"""The variation of a subject from span to span: the extremes of single windows, not only their average."""

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Literal, NamedTuple

from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.schemas.durations import milliseconds
from watchkeeper.schemas.monitors import WindowsSection
from watchkeeper.schemas.profiles import SpansCounts

RECENT_SPANS_MIN = 3
"""Minimum number of spans in the recent windows. Chosen by hand: more make a surer baseline and a later
check."""
LIMIT_SPANS_MIN = 20
"""Minimum number of spans whose extremes count as limits. Chosen by hand: more make a surer and a later
check."""


BrokenKind = Literal["missing", "wrong_type", "outside"]
"""The kinds of broken values."""


class Broken(NamedTuple):
    """The largest shares of broken values in one span."""

    missing: float = 0.0
    """The share of missing values, 0 to 1."""
    wrong_type: float = 0.0
    """The share of values of a wrong type, 0 to 1."""
    outside: float = 0.0
    """The share of values out of range or of an unseen category, 0 to 1."""


def span_ms(windows: WindowsSection) -> int:
    """Return the length of the spans of a past in milliseconds: a window's, unless windows overlap.

    Args:
        windows: The windows of a monitor.
    """
    size_ms, every_ms = milliseconds(windows.size), milliseconds(windows.every or windows.size)
    return milliseconds(windows.pane) if windows.rows else gcd(size_ms, every_ms)


class DriftRange(NamedTuple):
    """The extremes of the spans of a reference, each against the whole reference."""

    psi_excess: float
    """The largest PSI of a span above its average without drift."""
    mean_min: float = 0.0
    """The smallest mean of a span; 0 for categories."""
    mean_max: float = 0.0
    """The largest mean of a span; 0 for categories."""


class SpanExtremes:
    """The extremes of many spans. Merging gives the same in any order.

    Args:
        count: Number of spans.
        rows_min: The fewest rows in one span.
        rows_max: The most rows in one span.

    >>> week = SpanExtremes()
    >>> week.merge(SpanExtremes(1, 700, 700)); week.merge(SpanExtremes(1, 900, 900))
    >>> week.count, week.rows_min, week.rows_max
    (2, 700, 900)
    """

    def __init__(self, count: int = 0, rows_min: int = 0, rows_max: int = 0) -> None:
        self.count = count
        self.rows_min = rows_min
        self.rows_max = rows_max
        self.constant: dict[str, int] = {}
        """Feature -> number of spans in which it had one value only, if there are any."""
        self.worst: dict[str, Broken] = {}
        """Feature -> its largest shares of broken values."""
        self.steps: dict[str, Step] = {}
        """Feature -> distance of a span from those just before it; only in a reference."""
        self.moved: dict[str, DriftRange] = {}
        """Feature -> distance of a span from the whole; only in a reference. The model's output is ""."""

    @classmethod
    def of(cls, rows: int, features: dict[str, NumberSummary | CategorySummary]) -> "SpanExtremes":
        """Describe one span.

        Args:
            rows: Number of rows in the span.
            features: The features over these rows.
        """
        spans = cls(1, rows, rows)
        spans.constant = {name: 1 for name, summary in features.items() if summary.constant is not None}
        if rows >= SHARE_ROWS_MIN:
            spans.worst = {name: _broken(summary, rows) for name, summary in features.items()}
        return spans

    def merge(self, other: "SpanExtremes") -> None:
        """Add other spans.

        Args:
            other: Their extremes.
        """
        if not other.count:
            return
        self.rows_min = min(self.rows_min, other.rows_min) if self.count else other.rows_min
        self.rows_max = max(self.rows_max, other.rows_max)
        self.count += other.count
        for name, times in other.constant.items():
            self.constant[name] = self.constant.get(name, 0) + times
        for name, broken in other.worst.items():
            known = self.worst.get(name, Broken())
            self.worst[name] = Broken(*map(max, known, broken))
        self.steps |= other.steps
        self.moved |= other.moved

    def to_wire(self) -> SpansCounts | None:
        """Give the extremes as they are published, or None without spans."""
        if not self.count:
            return None
        worst = {name: broken for name, broken in self.worst.items() if any(broken)}
        return SpansCounts(
            self.count, self.rows_min, self.rows_max, dict(sorted(self.constant.items())),
            _lists(worst), _lists(self.steps), _lists(self.moved),
        )  # fmt: skip

    @classmethod
    def from_wire(cls, counts: SpansCounts | None) -> "SpanExtremes":
        """Read published extremes.

        Args:
            counts: What `to_wire` returned.
        """
        if counts is None:
            return cls()
        spans = cls(counts.count, counts.rows_min, counts.rows_max)
        spans.constant = counts.constant
        spans.worst = {name: Broken(*shares) for name, shares in counts.worst.items()}
        spans.steps = {name: Step(*extremes) for name, extremes in counts.steps.items()}
        spans.moved = {name: DriftRange(*extremes) for name, extremes in counts.moved.items()}
        return spans


def _lists(values: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: list(values[name]) for name in sorted(values)}


def _broken(summary: NumberSummary | CategorySummary, rows: int) -> Broken:
    return Broken(summary.missing / rows, summary.wrong_type / rows, summary.outside / rows)
