"""The baseline of one subject: how its rows are binned, and the profiles of its reference rows."""

from typing import Self

import msgspec
from msgspec import Struct

from watchkeeper.schemas.tasks import TaskName


class NumberBinning(Struct, frozen=True, array_like=True):
    """How one number is counted: bin i is edges[i-1] <= x < edges[i]."""

    edges: tuple[float, ...] = ()
    """The edges of the bins, in ascending order."""
    centre: float = 0.0
    """The value that is subtracted before sums are taken."""
    exponent: int = 20
    """Sums are in steps of 2**-exponent."""
    lowest: float | None = None
    """The lowest valid value, if declared. Values outside are counted as out of range, and binned too."""
    highest: float | None = None
    """The highest valid value, if declared."""


class Binning(Struct, frozen=True):
    """Everything that decides how the rows of a subject become counts, in declared order."""

    numbers: dict[str, NumberBinning]
    """The binning of each numeric feature."""
    categories: dict[str, tuple[str, ...]]
    """The known categories of each feature; all others are unseen."""
    output: NumberBinning | None = None
    """The binning of a classifier's score or a regression's value; None for a feature view."""
    task: TaskName | None = None
    """The task of the model; None for a feature view."""
    threshold: float = 0.5
    """A row counts as predicted positive from this score on, if its prediction has no label."""


class Reference(Struct, frozen=True):
    """The profiles of the rows that a subject is compared with. Its key is `subject` or `subject/version`."""

    subject: str
    """The model or feature view."""
    version: str | None
    """The version that it is for; None for all versions without a reference of their own."""
    built_at_ms: int
    """Clock time at which it was built, in ms since 1970."""
    rows: int
    """Number of rows."""
    binning: Binning
    """How rows become counts."""
    profile: bytes
    """The encoded `RowsProfile` of all rows."""
    segments: dict[str, bytes] = {}
    """The encoded `RowsProfile` of each segment, by `dimension=value`."""
    labels: bytes | None = None
    """The encoded `LabelsProfile`, if the rows have labels."""
    segment_labels: dict[str, bytes] = {}
    """The encoded `LabelsProfile` of each segment, by `dimension=value`."""
    engine: bytes | None = None
    """What the detection engine learned from the rows, in order of time."""

    def encode(self) -> bytes:
        """Return the value of one record of the topic `references`."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the value of one record of the topic `references`.

        Args:
            data: MessagePack.

        Raises:
            msgspec.MsgspecError: if it is not a reference.
        """
        return msgspec.msgpack.decode(data, type=cls)
