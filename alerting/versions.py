"""Which version of a model answers for it, and which versions only score in shadow or have gone.

Predictions decide that. Labels are read later, and see the state at the end of their own window.
"""

import re
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.findings import Kind, WindowFindings

CHANGES_MAX = 100
"""Most changes of the answering version that are remembered for later windows of labels.

Chosen by hand: it bounds the checkpoint's size.
"""


class Answering(NamedTuple):
    """Which version answered for the model from some time on, and which versions published."""

    from_ms: int
    """Event time from which this holds, in ms since 1970."""
    current: str | None
    """The version that answers for the model; None before the first published."""
    published: tuple[str, ...] = ()
    """All versions that published recently."""

    def supersedes(self, version: str) -> bool:
        """Return whether another version than this one answered for the model.

        Args:
            version: The version; empty for a feature view, which has none.

        >>> [Answering(0, "2").supersedes(version) for version in ("1", "2", "")]
        [True, False, False]
        """
        return version not in (self.current or version, "")


class Seen(Struct):
    """What is known of one version."""

    first_ms: int
    """The start of its first window, in ms since 1970."""
    rows: int = 0
    """Rows of its newest window of predictions."""
    last_ms: dict[Kind, int] = {}
    """The end of its newest window with rows, by kind, in ms since 1970.

    Windows of labels count only where performance was judged.
    """


class Versions(Struct):
    """The versions of one subject that recently published, or recently had labels."""

    seen: dict[str, Seen] = {}
    """What is known of each version."""
    past: list[Answering] = []
    """Which version answered, oldest first. Beyond `CHANGES_MAX` the oldest entry is forgotten."""

    def see(self, window: WindowFindings) -> None:
        """Update a version with one window. A window without rows adds no version.

        Args:
            window: The findings of the window.
        """
        if window.rows and (window.kind != "labels" or "performance" in window.checked):
            known = self.seen.setdefault(window.version, Seen(window.window_start_ms))
            known.first_ms = min(known.first_ms, window.window_start_ms)
            known.last_ms[window.kind] = max(known.last_ms.get(window.kind, 0), window.window_end_ms)
        if window.kind != "labels" and window.version in self.seen:
            self.seen[window.version].rows = window.rows

    def current(self) -> str | None:
        """Return the newest version with at least half as many rows as the busiest; None without versions.

        A canary with a small share does not answer for the model yet. A shadow version, which scores the
        same rows as the version that replaced it, no longer does.

        >>> Versions({"1": Seen(0, rows=900), "2": Seen(50, rows=90)}).current()
        '1'
        >>> Versions({"1": Seen(0, rows=900), "2": Seen(50, rows=900)}).current()
        '2'
        """
        busiest = max((known.rows for known in self.seen.values()), default=0)
        heavy = [name for name, known in self.seen.items() if 2 * known.rows >= busiest]
        return max(heavy, key=lambda name: (self.seen[name].first_ms, _natural(name)), default=None)

    def note(self, at_ms: int) -> None:
        """Remember which version answers from the end of a window on, if that changed.

        Args:
            at_ms: The end of the window, in ms since 1970.
        """
        now = Answering(at_ms, self.current(), tuple(sorted(self.seen)))
        if not self.past or self.past[-1][1:] != now[1:]:
            self.past = [*self.past, now][-CHANGES_MAX:]

    def as_of(self, at_ms: int) -> Answering:
        """Return which version answered at a time. None answered before the first published.

        Args:
            at_ms: Event time, in ms since 1970.

        >>> Versions({}, [Answering(10, "1"), Answering(30, "2")]).as_of(29).current
        '1'
        """
        cut = len(self.past) == CHANGES_MAX
        before = self.past[0]._replace(from_ms=0) if cut else Answering(0, None)
        return next((each for each in reversed(self.past) if each.from_ms <= at_ms), before)

    def without_labels(self) -> "Versions":
        """Remove what windows of labels made known, and return it as a separate object."""
        labelled = Versions()
        for name, known in list(self.seen.items()):
            if "labels" in known.last_ms:
                labelled.seen[name] = Seen(known.first_ms, 0, {"labels": known.last_ms["labels"]})
                self._drop(name, "labels")
        return labelled

    def drop_gone(self, kind: Kind, span_ms: int) -> list[str]:
        """Forget the versions whose newest window is too far behind the newest of all.

        Args:
            kind: The kind of windows to compare.
            span_ms: How far a version may be behind, in milliseconds.

        Returns:
            The forgotten versions.
        """
        ends = {name: known.last_ms[kind] for name, known in self.seen.items() if kind in known.last_ms}
        newest = max(ends.values(), default=0)
        gone = [name for name, end in ends.items() if end < newest - span_ms]
        for name in gone:
            self._drop(name, kind)
        return gone

    def _drop(self, version: str, kind: Kind) -> None:
        known = self.seen[version]
        del known.last_ms[kind]
        if kind != "labels":
            known.rows = 0
        if not known.last_ms:
            del self.seen[version]


def _natural(version: str) -> list[tuple[int, str]]:
    """Order `v10` after `v9`, where two versions were first seen in the same window."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", version)]
