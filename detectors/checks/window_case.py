"""The window case: everything that the checks of one window read."""

from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from watchkeeper.detectors.checks.budget import level
from watchkeeper.detectors.profiles.layout import OUTPUT
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.detectors.profiles.sample_size import SHARE_ROWS_MIN
from watchkeeper.detectors.profiles.spans import Broken, SpanExtremes
from watchkeeper.detectors.profiles.summaries import CategorySummary, NumberSummary
from watchkeeper.schemas.monitors import Monitor

RECENT, REFERENCE = "the recent windows", "the reference"
"""The names of the two baselines in a sentence."""
_CONFIRMS = 0.01
"""The level of a test that only confirms a change that the engine is sure of. Chosen by hand: a larger level
confirms earlier and also by chance."""

Summary = NumberSummary | CategorySummary
"""The summary of a feature of any type."""


class Past(NamedTuple):
    """A baseline that a window is compared with."""

    name: str
    """Its name in a sentence, such as "the recent windows"."""
    profile: RowsProfile
    """Its rows."""

    def worst(self, feature: str) -> Broken:
        """Give the largest shares of broken values of a feature in one window; 0 if unknown.

        Args:
            feature: The feature.
        """
        return self.profile.spans.worst.get(feature, Broken())


@dataclass(frozen=True)
class Case:
    """The rows of one window, the recent windows before it, and the reference."""

    monitor: Monitor
    """The monitor."""
    window: RowsProfile
    """The rows to judge."""
    reference: RowsProfile | None = None
    """The reference's rows, if there is a reference."""
    recent: RowsProfile | None = None
    """The rows of the recent windows, if there are any."""
    segment: str | None = None
    """The segment that the rows belong to; None: all rows."""
    moved: Container[str] | None = None
    """The features whose change the engine is sure of; None: it does not watch these rows."""

    @property
    def level(self) -> float:
        """The level of one test: that of the monitor, divided by the number of its features (Bonferroni)."""
        return level(self.monitor) / len(self.monitor.features)

    def is_sure_of(self, name: str | None) -> bool:
        """Whether the engine is sure of a change, and the monitor does not set `sensitivity.p_value`.

        Args:
            name: The feature; `OUTPUT` is the model's output.
        """
        return self.moved is not None and name in self.moved and self.monitor.sensitivity.p_value is None

    def level_of(self, name: str | None) -> float:
        """Give the level of a test of one feature or of the output.

        If the engine is sure of the change, it has spent the budget, and the window only confirms the change.

        Args:
            name: The feature; `OUTPUT` is the model's output.
        """
        return max(self.level, _CONFIRMS) if self.is_sure_of(name) else self.level

    @property
    def where(self) -> str:
        """The start of an explanation: names the segment; empty for all rows."""
        return f"In {self.segment}, " if self.segment else ""

    @cached_property
    def pasts(self) -> list[Past]:
        """The baselines with enough rows, the recent windows first."""
        known = ((RECENT, self.recent), (REFERENCE, self.reference))
        return [Past(name, past) for name, past in known if past is not None and past.rows >= SHARE_ROWS_MIN]

    @cached_property
    def spans(self) -> SpanExtremes | None:
        """How windows varied in the baselines; None if unknown."""
        spans = SpanExtremes()
        for past in self.pasts:
            spans.merge(past.profile.spans)
        return spans if spans.count else None


def number_of(profile: RowsProfile | None, feature: str) -> NumberSummary | None:
    """Summarise a numeric feature, or the output.

    Args:
        profile: The rows, if there are any.
        feature: The feature; `OUTPUT` is the model's output.

    Returns:
        The summary; None if the profile has no numeric feature of this name.
    """
    if profile is not None and feature == OUTPUT:
        return profile.output
    if profile is None or feature not in profile.layout.numeric:
        return None
    return profile.number(feature)


def category_of(profile: RowsProfile | None, feature: str) -> CategorySummary | None:
    """Summarise a category or boolean feature.

    Args:
        profile: The rows, if there are any.
        feature: The feature.

    Returns:
        The summary; None if the profile has no category feature of this name.
    """
    return (
        profile.category(feature) if profile is not None and feature in profile.layout.categorical else None
    )


def summary_of(profile: RowsProfile | None, feature: str) -> Summary | None:
    """Summarise a feature of any type.

    Args:
        profile: The rows, if there are any.
        feature: The feature.

    Returns:
        The summary; None if the profile has no feature of this name.
    """
    return number_of(profile, feature) or category_of(profile, feature)
