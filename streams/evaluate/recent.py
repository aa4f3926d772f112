"""The recent windows of one subject, version and layout: the baseline for abrupt faults."""

from msgspec import Struct, field

from watchkeeper.detectors.profiles.layout import Layout
from watchkeeper.detectors.profiles.rows import RowsProfile
from watchkeeper.schemas.findings import Check
from watchkeeper.streams.evaluate.merging import merged
from watchkeeper.streams.evaluate.windows import ALL

WINDOWS = 4
"""Number of windows in a generation. The recent windows are the current and the previous generation, 4 to 8
windows. Chosen by hand: more windows give a surer and an older baseline."""
SEGMENTS_MAX = 100
"""The most segments with recent windows: those seen last. It is twice what a window judges (`SEGMENTS_MAX` in
`judgement.py`), so that a segment may be absent for a while."""


class Generations(Struct, array_like=True):
    """Merged profiles of the recent windows of one segment, in two generations.

    Two profiles instead of one for each window keep the state small.
    """

    previous: bytes | None = None
    """The encoded profile of the previous generation."""
    current: bytes | None = None
    """The encoded profile of the current generation."""
    span_ms: int = 0
    """The length of the time that the current generation covers."""

    def add(self, profile: RowsProfile, span_ms: int, size_ms: int) -> None:
        """Add one span of time.

        Args:
            profile: The rows of the span; the profile is changed.
            span_ms: The length of the span.
            size_ms: The length of a window.
        """
        if self.span_ms >= WINDOWS * size_ms:
            self.previous, self.current, self.span_ms = self.current, None, 0
        profile.seal()
        if self.current is not None:
            profile.merge(RowsProfile.decode(self.current, profile.layout))
        self.current = profile.encode()
        self.span_ms += span_ms


class Recent(Struct):
    """The recent windows without a data-quality fault, by segment. A fault does not change them."""

    segments: dict[str, Generations] = field(default_factory=dict)
    """Segment -> its recent windows; those seen last come last."""

    def add(self, profiles: dict[str, RowsProfile], span_ms: int, size_ms: int) -> None:
        """Add one span of time that no open window holds any more.

        Args:
            profiles: The rows of the span by segment; the profiles are changed.
            span_ms: The length of the span.
            size_ms: The length of a window.
        """
        for segment, profile in profiles.items():
            known = self.segments.pop(segment, Generations())
            known.add(profile, span_ms, size_ms)
            self.segments[segment] = known  # moves it to the end, in snapshots too
        for segment in list(self.segments)[: max(0, len(self.segments) - 1 - SEGMENTS_MAX)]:
            if segment != ALL:
                del self.segments[segment]

    def accept(self, segment: str, check: Check, window: RowsProfile, size_ms: int) -> None:
        """Make a window the baseline of one check, and keep that of the others.

        Args:
            segment: The segment.
            check: The check that finds the window bad. If it is about values, the whole baseline begins anew.
            window: The rows of the window.
            size_ms: The length of a window.
        """
        past = self.profile(segment, window.layout)
        if past is None or check not in ("latency", "duplicates"):
            past = RowsProfile.decode(window.encode(), window.layout)
            past.seal()
        elif check == "latency":
            past.latency = window.latency
        else:
            past.duplicates = round(window.duplicates / max(1, window.rows) * past.rows)
        self.segments.pop(segment, None)
        self.segments[segment] = Generations(current=past.encode(), span_ms=size_ms)

    def profile(self, segment: str, layout: Layout) -> RowsProfile | None:
        """Return the merged recent windows of a segment; None if there are none."""
        known = self.segments.get(segment, Generations())
        encoded = [data for data in (known.previous, known.current) if data is not None]
        return merged(RowsProfile, encoded, layout) if encoded else None

    @property
    def size_bytes(self) -> int:
        """The size of all encoded profiles in bytes."""
        return sum(len(each.previous or b"") + len(each.current or b"") for each in self.segments.values())
