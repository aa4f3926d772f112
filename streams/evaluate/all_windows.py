"""The windows of all subjects of a partition, within bounds."""

from collections.abc import Iterator

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Pane
from watchkeeper.streams.evaluate.subject_windows import SavedSubjectWindows, SubjectWindows
from watchkeeper.streams.evaluate.window_rules import WindowsKey

SUBJECT_WINDOWS_MAX = 2000
"""The most subject windows of a partition. Chosen by hand: a larger number holds more versions and layouts
and makes checkpoints larger."""
STATE_BYTES_MAX = 64 * 2**20
"""The most bytes of encoded profiles in a partition. Chosen by hand: a larger number holds more segments and
makes checkpoints larger."""


class AllWindows:
    """Subject windows, grouped by subject and kind. `saved()` returns the whole state."""

    def __init__(self, saved: list[SavedSubjectWindows]) -> None:
        self._groups: dict[tuple[str, Kind], dict[WindowsKey, SubjectWindows]] = {}
        self._bytes = 0
        for each in saved:
            windows = self._group(each.key)[each.key] = SubjectWindows(each)
            self._bytes += windows.size_bytes

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def saved(self) -> list[SavedSubjectWindows]:
        """Return the state."""
        return [each.saved() for each in self]

    def __iter__(self) -> Iterator[SubjectWindows]:
        for group in self._groups.values():
            yield from group.values()

    def of(self, subject: str, kind: Kind) -> list[SubjectWindows]:
        """Return the subject windows of a subject, sorted by key, so that arrival order does not matter."""
        group = self._groups.get((subject, kind), {})
        return [group[key] for key in sorted(group)]

    def open(self, key: WindowsKey) -> SubjectWindows | None:
        """Return the subject windows of a key; make them if there are none.

        At the limit, the oldest subject windows without rows are dropped to make room. Return None if all
        hold rows.
        """
        group = self._group(key)
        if key not in group:
            if len(self) >= SUBJECT_WINDOWS_MAX:
                empty = [each for each in self if not each.windows.grains]
                if not empty:
                    return None
                self.drop(min(empty, key=lambda each: (each.windows.last_end_ms, each.key)).key)
                group = self._group(key)
            group[key] = SubjectWindows(SavedSubjectWindows(key))
        return group[key]

    def has_room(self, pane: Pane) -> bool:
        """Whether there is room for the profile of a pane; its size is counted either way."""
        self._bytes += len(pane.profile)
        if self._bytes > STATE_BYTES_MAX:
            # The running sum never falls. Measure the true size only when it reaches the limit.
            self._bytes = len(pane.profile) + sum(each.size_bytes for each in self)
        return self._bytes <= STATE_BYTES_MAX

    def drop(self, key: WindowsKey) -> None:
        """Forget subject windows."""
        del self._groups[key.subject, key.kind][key]

    def _group(self, key: WindowsKey) -> dict[WindowsKey, SubjectWindows]:
        return self._groups.setdefault((key.subject, key.kind), {})
