"""What normal looks like for one subject: how its rows are binned, and the profiles of its reference rows."""

from typing import Self

import msgspec
from msgspec import Struct

from watchkeeper.schemas.tasks import TaskName


class NumberBins(Struct, frozen=True, array_like=True):
    """How one number is counted: bin i is edges[i-1] <= x < edges[i]; sums are in steps of 2**-exponent."""

    edges: tuple[float, ...] = ()
    centre: float = 0.0
    exponent: int = 20
    lowest: float | None = None
    """The declared range; values outside are counted as out of range, and binned all the same."""
    highest: float | None = None


class Binning(Struct, frozen=True):
    """Everything that decides how the rows of a subject become counts, in declared order."""

    numbers: dict[str, NumberBins]
    categories: dict[str, tuple[str, ...]]
    """The known categories of each feature; all others are unseen."""
    output: NumberBins | None = None
    """The score of a classifier, the value of a regression; None for a feature view."""
    task: TaskName | None = None
    threshold: float = 0.5


class Reference(Struct, frozen=True):
    """The profiles of the rows that a subject is compared with; key `subject` or `subject/version`."""

    subject: str
    version: str | None
    built_at_ms: int
    rows: int
    binning: Binning
    profile: bytes
    """A `RowsProfile` of all rows."""
    segments: dict[str, bytes] = {}
    """A `RowsProfile` for each segment, `dimension=value`."""
    labels: bytes | None = None
    """A `LabelsProfile`, when the rows carry labels."""
    segment_labels: dict[str, bytes] = {}
    engine: bytes | None = None
    """What the detection engine learned of the rows, in order of time."""

    def encode(self) -> bytes:
        """Write the value of one record of the topic `references`."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the value of one record of the topic `references`."""
        return msgspec.msgpack.decode(data, type=cls)
