"""All lanes of a partition, within bounds."""

from collections.abc import Iterator

from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.profiles import Pane
from watchkeeper.streams.evaluate.subject_windows import SavedLane, SubjectWindows
from watchkeeper.streams.evaluate.window_rules import LaneKey

LANES_MAX = 2000
STATE_BYTES_MAX = 64 * 2**20


class AllWindows:
    """Lanes by subject and kind; `saved()` is the whole state."""

    def __init__(self, saved: list[SavedLane]) -> None:
        self._lanes: dict[tuple[str, Kind], dict[LaneKey, SubjectWindows]] = {}
        self._bytes = 0
        for each in saved:
            lane = self._place(each.key)[each.key] = SubjectWindows(each)
            self._bytes += lane.size_bytes

    def __len__(self) -> int:
        return sum(len(lanes) for lanes in self._lanes.values())

    def saved(self) -> list[SavedLane]:
        """Give the state."""
        return [lane.saved() for lane in self]

    def __iter__(self) -> Iterator[SubjectWindows]:
        for lanes in self._lanes.values():
            yield from lanes.values()

    def of(self, subject: str, kind: Kind) -> list[SubjectWindows]:
        """List the lanes of a subject, in an order that does not depend on how they came."""
        lanes = self._lanes.get((subject, kind), {})
        return [lanes[key] for key in sorted(lanes)]

    def open(self, key: LaneKey) -> SubjectWindows | None:
        """Return a lane; None if it would be one too many and none can go that holds no rows."""
        place = self._place(key)
        if key not in place:
            if len(self) >= LANES_MAX:
                empty = [lane for lane in self if not lane.windows.grains]
                if not empty:
                    return None
                self.drop(min(empty, key=lambda lane: (lane.windows.last_end_ms, lane.key)).key)
                place = self._place(key)
            place[key] = SubjectWindows(SavedLane(key))
        return place[key]

    def has_room(self, pane: Pane) -> bool:
        """Whether the profile of a pane may still be kept."""
        self._bytes += len(pane.profile)
        if self._bytes > STATE_BYTES_MAX:
            # The sum only rises, until it matters.
            self._bytes = len(pane.profile) + sum(lane.size_bytes for lane in self)
        return self._bytes <= STATE_BYTES_MAX

    def drop(self, key: LaneKey) -> None:
        """Forget a lane."""
        del self._lanes[key.subject, key.kind][key]

    def _place(self, key: LaneKey) -> dict[LaneKey, SubjectWindows]:
        return self._lanes.setdefault((key.subject, key.kind), {})
