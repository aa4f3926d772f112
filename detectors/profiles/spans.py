"""How a subject varied from span to span: what is usual for one window, not only on average."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import gcd
from typing import Literal, NamedTuple

from watchkeeper.detectors.profiles.steps import Step
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.schemas.monitors import WindowsSection
from watchkeeper.schemas.profiles import SpansCounts

ROWS_MIN = 30
"""Shares of fewer rows are noise, and not remembered."""
ENOUGH = 3
"""From so many spans on there is a recent past."""
MANY = 20
"""From so many spans on it is known what a span never is."""


BrokenKind = Literal["missing", "wrong_type", "outside"]


class Broken(NamedTuple):
    """The largest shares in one span of values missing, of a wrong type, or outside what is known."""

    missing: float = 0.0
    wrong_type: float = 0.0
    outside: float = 0.0


def span_ms(windows: WindowsSection) -> int:
    """Give the length of the spans that a past is made of: that of a window, unless windows overlap."""
    one_ms = timedelta(milliseconds=1)
    size, every = windows.size // one_ms, (windows.every or windows.size) // one_ms
    return windows.pane // one_ms if windows.rows else gcd(size, every)


class Moved(NamedTuple):
    """The extremes of spans against all of them together."""

    psi_excess: float
    mean_min: float = 0.0
    mean_max: float = 0.0


class Spans:
    """The extremes of many spans; merged in any order to the same.

    >>> week = Spans()
    >>> week.merge(Spans(1, 700, 700)); week.merge(Spans(1, 900, 900))
    >>> week.count, week.rows_min, week.rows_max
    (2, 700, 900)
    """

    def __init__(self, count: int = 0, rows_min: int = 0, rows_max: int = 0) -> None:
        self.count = count
        self.rows_min = rows_min
        self.rows_max = rows_max
        self.constant: dict[str, int] = {}
        """In how many spans each feature had one value only, where there were any."""
        self.worst: dict[str, Broken] = {}
        self.steps: dict[str, Step] = {}
        """How far a span lies from those just before it; only in a reference."""
        self.moved: dict[str, Moved] = {}
        """How far a span lies from all of them together; only in a reference. The model's output is ""."""

    @classmethod
    def of(cls, rows: int, features: dict[str, NumberSummary | CategorySummary]) -> "Spans":
        """Describe one span."""
        spans = cls(1, rows, rows)
        spans.constant = {name: 1 for name, summary in features.items() if summary.constant is not None}
        if rows >= ROWS_MIN:
            spans.worst = {name: _broken(summary, rows) for name, summary in features.items()}
        return spans

    def merge(self, other: "Spans") -> None:
        """Add other spans."""
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
        """Give what is sent, or None for no spans."""
        if not self.count:
            return None
        worst = {name: broken for name, broken in self.worst.items() if any(broken)}
        return SpansCounts(
            self.count, self.rows_min, self.rows_max, dict(sorted(self.constant.items())),
            _lists(worst), _lists(self.steps), _lists(self.moved),
        )  # fmt: skip

    @classmethod
    def from_wire(cls, counts: SpansCounts | None) -> "Spans":
        """Read what was sent."""
        if counts is None:
            return cls()
        spans = cls(counts.count, counts.rows_min, counts.rows_max)
        spans.constant = counts.constant
        spans.worst = {name: Broken(*shares) for name, shares in counts.worst.items()}
        spans.steps = {name: Step(*extremes) for name, extremes in counts.steps.items()}
        spans.moved = {name: Moved(*extremes) for name, extremes in counts.moved.items()}
        return spans


def _lists(values: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    return {name: list(values[name]) for name in sorted(values)}


def _broken(summary: NumberSummary | CategorySummary, rows: int) -> Broken:
    return Broken(summary.missing / rows, summary.wrong_type / rows, summary.outside / rows)
