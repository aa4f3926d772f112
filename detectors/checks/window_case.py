"""One window to be judged, with what it is judged against."""

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import Broken, SpanExtremes
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.schemas.monitors import Monitor

RECENT, REFERENCE = "the recent windows", "the reference"
"""How a sentence names them."""
_CONFIRMS = 0.01
"""The level of a window that only confirms what the engine is sure of."""

Summary = NumberSummary | CategorySummary


class Past(NamedTuple):
    """What a window is compared with."""

    name: str
    """As in a sentence: "the recent windows"."""
    profile: RowsProfile

    def worst(self, feature: str) -> Broken:
        """Give the largest shares of broken values in one window; 0 where that is not known."""
        return self.profile.spans.worst.get(feature, Broken())


@dataclass(frozen=True)
class Case:
    """The rows of one window, the recent windows before it, and the reference."""

    monitor: Monitor
    window: RowsProfile
    reference: RowsProfile | None = None
    recent: RowsProfile | None = None
    segment: str | None = None
    moved: Container[str] | None = None
    """Features whose change the engine is sure of; None: it does not know this window."""

    @property
    def level(self) -> float:
        """Give the level of one test: that of the monitor, shared over its features (Bonferroni)."""
        return level(self.monitor) / len(self.monitor.features)

    def is_sure_of(self, name: str | None) -> bool:
        """Whether the engine is sure of a change of one feature, or of the output, and may say so."""
        return self.moved is not None and name in self.moved and self.monitor.sensitivity.p_value is None

    def level_of(self, name: str | None) -> float:
        """Give the level of a test of one feature, or of the output.

        Where the engine is sure of its change it has spent the budget on it: a window then only confirms it.
        """
        return max(self.level, _CONFIRMS) if self.is_sure_of(name) else self.level

    @property
    def where(self) -> str:
        """Open a sentence about a segment."""
        return f"In {self.segment}, " if self.segment else ""

    @cached_property
    def pasts(self) -> list[Past]:
        """List what the window can be compared with, the recent windows first."""
        known = ((RECENT, self.recent), (REFERENCE, self.reference))
        return [Past(name, past) for name, past in known if past is not None and past.rows >= SHARE_ROWS_MIN]

    @cached_property
    def spans(self) -> SpanExtremes | None:
        """Tell how windows varied in the past; None when none are known."""
        spans = SpanExtremes()
        for past in self.pasts:
            spans.merge(past.profile.spans)
        return spans if spans.count else None


def number_of(profile: RowsProfile | None, feature: str) -> NumberSummary | None:
    """Sum up a numeric feature; None where the profile has none of that name."""
    if profile is None or feature not in profile.layout.numeric:
        return None
    return profile.number(feature)


def category_of(profile: RowsProfile | None, feature: str) -> CategorySummary | None:
    """Sum up a category feature; None where the profile has none of that name."""
    return (
        profile.category(feature) if profile is not None and feature in profile.layout.categorical else None
    )


def summary_of(profile: RowsProfile | None, feature: str) -> Summary | None:
    """Sum up a feature of any type; None where the profile has none of that name."""
    return number_of(profile, feature) or category_of(profile, feature)
