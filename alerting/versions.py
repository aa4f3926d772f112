"""Which version of a model answers for it, and which only scores in shadow or has gone.

Predictions decide that. Labels are read later, and see it as it was at the end of their own window.
"""

import re
from typing import NamedTuple

from msgspec import Struct

from watchkeeper.schemas.findings import Kind, WindowFindings

MOST = 100
"""Changes that are remembered for windows of labels to come."""


class Answering(NamedTuple):
    """Which version answered for the model from a time on, and which ones published."""

    from_ms: int
    current: str | None
    heard: tuple[str, ...] = ()

    def supersedes(self, version: str) -> bool:
        """Whether another version answered for the model.

        >>> [Answering(0, "2").supersedes(version) for version in ("1", "2", "")]
        [True, False, False]
        """
        return version not in (self.current or version, "")


class Seen(Struct):
    """What is known of one version."""

    first_ms: int
    rows: int = 0
    """Rows of its newest window of predictions."""
    last_ms: dict[Kind, int] = {}
    """The end of its newest window that had rows, of each kind; for labels, where performance was judged."""


class Versions(Struct):
    """The versions of one subject that have published of late, or had labels of late."""

    seen: dict[str, Seen] = {}
    past: list[Answering] = []
    """How that changed, as it was noted; the oldest change is forgotten past `MOST`."""

    def see(self, window: WindowFindings) -> None:
        """Take note of a window; one without rows makes no version known."""
        if window.rows and (window.kind != "labels" or "performance" in window.checked):
            known = self.seen.setdefault(window.version, Seen(window.window_start_ms))
            known.first_ms = min(known.first_ms, window.window_start_ms)
            known.last_ms[window.kind] = max(known.last_ms.get(window.kind, 0), window.window_end_ms)
        if window.kind != "labels" and window.version in self.seen:
            self.seen[window.version].rows = window.rows

    def current(self) -> str | None:
        """Return the newest version that carries at least half as many rows as the busiest.

        A canary with a small share does not answer for the model yet; a shadow copy, which scores the same
        rows as the version that replaced it, does no more.

        >>> Versions({"1": Seen(0, rows=900), "2": Seen(50, rows=90)}).current()
        '1'
        >>> Versions({"1": Seen(0, rows=900), "2": Seen(50, rows=900)}).current()
        '2'
        """
        busiest = max((known.rows for known in self.seen.values()), default=0)
        heavy = [name for name, known in self.seen.items() if 2 * known.rows >= busiest]
        return max(heavy, key=lambda name: (self.seen[name].first_ms, _natural(name)), default=None)

    def note(self, at_ms: int) -> None:
        """Remember what holds from the end of a window on, if that changed."""
        now = Answering(at_ms, self.current(), tuple(sorted(self.seen)))
        if not self.past or self.past[-1][1:] != now[1:]:
            self.past = [*self.past, now][-MOST:]

    def as_of(self, at_ms: int) -> Answering:
        """Return what held at a time; no version answered before the first published.

        >>> Versions({}, [Answering(10, "1"), Answering(30, "2")]).as_of(29).current
        '1'
        """
        cut = len(self.past) == MOST
        before = self.past[0]._replace(from_ms=0) if cut else Answering(0, None)
        return next((each for each in reversed(self.past) if each.from_ms <= at_ms), before)

    def without_labels(self) -> "Versions":
        """Take out what windows of labels made known, and return it apart."""
        labelled = Versions()
        for name, known in list(self.seen.items()):
            if "labels" in known.last_ms:
                labelled.seen[name] = Seen(known.first_ms, 0, {"labels": known.last_ms["labels"]})
                self._drop(name, "labels")
        return labelled

    def drop_gone(self, kind: Kind, span_ms: int) -> list[str]:
        """Forget versions whose newest window lies more than `span_ms` behind; name them."""
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
