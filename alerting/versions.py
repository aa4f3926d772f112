"""Which version of a model answers for it, and which only scores in shadow or has gone."""

import re

from msgspec import Struct

from schemas.findings import Kind, WindowFindings


class Seen(Struct):
    """What is known of one version."""

    first_ms: int
    rows: int = 0
    """Rows of its newest window of predictions."""
    last_ms: dict[Kind, int] = {}
    """The end of its newest window that had rows, of each kind; for labels, where performance was judged."""


class Versions(Struct):
    """The versions of one subject that have published of late."""

    seen: dict[str, Seen] = {}

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

    def is_superseded(self, version: str) -> bool:
        """Whether another version answers for the model now."""
        return version not in (self.current() or version, "")

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
