"""The recent healthy past of one subject, version and layout: what an abrupt change is told from."""

from msgspec import Struct, field

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.streams.evaluate.merging import merged
from watchkeeper.streams.evaluate.windows import ALL

WINDOWS = 4
"""A generation holds so many windows; the past is the current and the previous one, so 4 to 8 windows."""
SEGMENTS_MAX = 100
"""Of so many segments the past is kept: of those seen last, twice as many as a window judges."""


class Generations(Struct, array_like=True):
    """Merged profiles of the recent windows of one segment, in two generations.

    Two profiles instead of one for each window keep the state small.
    """

    previous: bytes | None = None
    current: bytes | None = None
    span_ms: int = 0
    """How much time the current one stands for."""

    def add(self, profile: RowsProfile, span_ms: int, size_ms: int) -> None:
        """Take in one span of time; the profile is used up."""
        if self.span_ms >= WINDOWS * size_ms:
            self.previous, self.current, self.span_ms = self.current, None, 0
        profile.seal()
        if self.current is not None:
            profile.merge(RowsProfile.decode(self.current, profile.layout))
        self.current = profile.encode()
        self.span_ms += span_ms


class Recent(Struct):
    """What has left the windows without a data-quality fault, by segment; during a fault the past stays."""

    segments: dict[str, Generations] = field(default_factory=dict)

    def add(self, profiles: dict[str, RowsProfile], span_ms: int, size_ms: int) -> None:
        """Take in one span of time that has left the windows; the profiles are used up."""
        for segment, profile in profiles.items():
            known = self.segments.pop(segment, Generations())
            known.add(profile, span_ms, size_ms)
            self.segments[segment] = known  # those seen last come last, in snapshots too
        for segment in list(self.segments)[: max(0, len(self.segments) - 1 - SEGMENTS_MAX)]:
            if segment != ALL:
                del self.segments[segment]

    def profile(self, segment: str, layout: Layout) -> RowsProfile | None:
        """Merge what is known of a segment; None if that is nothing."""
        known = self.segments.get(segment, Generations())
        encoded = [data for data in (known.previous, known.current) if data is not None]
        return merged(RowsProfile, encoded, layout) if encoded else None

    @property
    def size_bytes(self) -> int:
        """Give the size of all profiles."""
        return sum(len(each.previous or b"") + len(each.current or b"") for each in self.segments.values())
