"""The open panes of one partition: profiles that rows are added to until event time has passed them."""

from typing import NamedTuple

from msgspec import Struct

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import LabelsProfile, RowsProfile
from watchkeeper.detectors.tasks import labels_of
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Pane

VERSIONS_MAX = 20
"""Limit for the versions of a subject with open panes. Chosen by hand; it bounds memory and findings."""
SEGMENTS_MAX = 50
"""Limit for the values of a segment dimension in open panes. Chosen by hand, for the same bounds."""
OTHER = "other"
"""The version or segment value that counts rows beyond these limits."""


class PaneKey(NamedTuple):
    """What one pane counts. Rows that are counted with different layouts have different panes."""

    kind: Kind
    subject: str
    version: str
    segment: str | None
    start_ms: int
    end_ms: int
    layout: str


class SavedPane(Struct, array_like=True):
    """A pane in a checkpoint."""

    key: PaneKey
    rows: int
    profile: bytes


class Panes:
    """All open panes of one partition."""

    def __init__(self) -> None:
        self._open: dict[PaneKey, RowsProfile | LabelsProfile | SavedPane] = {}
        self._names: dict[tuple[str, ...], set[str]] = {}

    def __len__(self) -> int:
        """Return the number of open panes."""
        return len(self._open)

    def rows(self, key: PaneKey, layout: Layout) -> RowsProfile:
        """Return the profile of a pane of predictions or features; open the pane if necessary."""
        profile = self._open.get(key)
        if not isinstance(profile, RowsProfile):
            profile = (
                RowsProfile.decode(profile.profile, layout)
                if isinstance(profile, SavedPane)
                else RowsProfile.empty(layout)
            )
            self._open[key] = profile
        return profile

    def labels(self, key: PaneKey, layout: Layout) -> LabelsProfile:
        """Return the profile of a pane of labels; open the pane if necessary."""
        profile = self._open.get(key)
        if not isinstance(profile, LabelsProfile):
            profile = (
                labels_of(layout).decode(profile.profile, layout)
                if isinstance(profile, SavedPane)
                else labels_of(layout).empty(layout)
            )
            self._open[key] = profile
        return profile

    def name(self, limit: int, *path: str) -> str:
        """Return the last part of a path; `OTHER` if it is new and would exceed the limit.

        A version or segment value is free text in an event. The limit bounds memory.

        Args:
            limit: The limit for the names that differ only in the last part.
            *path: A subject and its version, or a subject, a dimension and its value.
        """
        siblings = self._names.setdefault(path[:-1], set())
        if path[-1] not in siblings:
            if len(siblings) >= limit:
                return OTHER
            siblings.add(path[-1])
        return path[-1]

    def close(self, kind: Kind, subject: str, closed_ms: int) -> list[Pane]:
        """Remove the panes of a subject that end at or before a time, and return them as messages."""
        keys = sorted(
            (k for k in self._open if k.subject == subject and k.kind == kind and k.end_ms <= closed_ms),
            key=lambda key: (key.end_ms, key.version, key.segment or "", key.layout),
        )
        closed = [_message(key, self._open.pop(key)) for key in keys]
        if closed:
            self._rename()
        return closed

    def last_end_ms(self, kind: Kind, subject: str) -> int | None:
        """Return the end of a subject's latest open pane."""
        return max((k.end_ms for k in self._open if k.subject == subject and k.kind == kind), default=None)

    def freeze(self) -> list[SavedPane]:
        """Encode all panes for a snapshot."""
        return [_freeze(key, profile) for key, profile in self._open.items()]

    def thaw(self, saved: list[SavedPane]) -> None:
        """Load panes from a snapshot. A pane is decoded only if rows are added to it."""
        self._open = {pane.key: pane for pane in saved}
        self._rename()

    def _rename(self) -> None:
        self._names = {}
        for key in self._open:
            self._names.setdefault((key.subject,), set()).add(key.version)
            if key.segment:
                dimension, value = key.segment.split("=", 1)
                self._names.setdefault((key.subject, dimension), set()).add(value)


def _freeze(key: PaneKey, profile: RowsProfile | LabelsProfile | SavedPane) -> SavedPane:
    if isinstance(profile, SavedPane):
        return profile
    rows = profile.labels if isinstance(profile, LabelsProfile) else profile.rows
    return SavedPane(key, rows, profile.encode())


def _message(key: PaneKey, profile: RowsProfile | LabelsProfile | SavedPane) -> Pane:
    saved = _freeze(key, profile)
    return Pane(
        key.subject, key.version, key.segment, key.kind, key.start_ms, key.end_ms, key.layout,
        saved.rows, saved.profile,
    )  # fmt: skip
