"""What the topics `monitors` and `references` hold: each value with those before it, and since when.

A revision takes effect at a point in event time: panes that start before it are counted and judged by the
revision before. A plain monitor or reference, which is format 0, is in force from the beginning.
"""

from itertools import pairwise
from typing import Literal, Self

import msgspec
from msgspec import Struct
from pydantic import Field, model_validator

from watchkeeper.schemas.monitors import Monitor, Section
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.times import LATEST_MS

FORMAT = 1


class _Format(Struct):
    """The one field that tells the formats apart."""

    format: int = 0


class MonitorRevision(Section):
    """A monitor, and from when it is in force."""

    revision: int = Field(default=0, ge=0)
    """Counts the changes of this subject's monitor; 0 for one that came in the plain format."""
    takes_effect_at_ms: int | None = Field(default=None, ge=0, le=LATEST_MS)
    """Event time; None: from the beginning."""
    monitor: Monitor


class MonitorRecord(Section):
    """The value of one record of `monitors`, in JSON."""

    format: Literal[1] = 1
    revisions: list[MonitorRevision] = Field(min_length=1)
    """The oldest that can matter first, what was applied last at the end."""

    @model_validator(mode="after")
    def _is_one_history(self) -> Self:
        first = self.revisions[0].monitor
        if any(
            (each.monitor.subject, each.monitor.model) != (first.subject, first.model)
            for each in self.revisions
        ):
            raise ValueError("its revisions are of different models or feature views")
        _check_times([each.takes_effect_at_ms for each in self.revisions])
        return self

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of a record, also of the plain format."""
        if msgspec.json.decode(value, type=_Format).format == 0:
            return cls(revisions=[MonitorRevision(monitor=Monitor.model_validate_json(value))])
        return cls.model_validate_json(value)

    def encode(self) -> bytes:
        """Write the value of a record."""
        return self.model_dump_json().encode()


class ReferenceRevision(Struct, frozen=True):
    """A reference, and from when it is in force."""

    revision: int
    takes_effect_at_ms: int | None
    """Event time; None: from the beginning. Of the first one: before it there was no reference."""
    reference: Reference


class ReferenceRecord(Struct, frozen=True):
    """The value of one record of `references`, in MessagePack."""

    format: int
    revisions: list[ReferenceRevision]
    """The oldest that can matter first, what was published last at the end."""

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of a record, also of the plain format."""
        version = msgspec.msgpack.decode(value, type=_Format).format
        if version == 0:
            return cls(FORMAT, [ReferenceRevision(0, None, Reference.decode(value))])
        if version != FORMAT:
            raise ValueError(
                f"its format is {version}, and this version of Watchkeeper reads {FORMAT} at most"
            )
        record = msgspec.msgpack.decode(value, type=cls)
        if not record.revisions:
            raise ValueError("it has no revision")
        _check_times([each.takes_effect_at_ms for each in record.revisions])
        return record

    def encode(self) -> bytes:
        """Write the value of a record."""
        return msgspec.msgpack.encode(self)


def _check_times(times_ms: list[int | None]) -> None:
    first, *later = times_ms
    known = [-1 if first is None else first, *(-1 if each is None else each for each in later)]
    if any(after <= before for before, after in pairwise(known)):
        raise ValueError("its revisions do not take effect one after the other")
    if any(each is not None and not 0 <= each <= LATEST_MS for each in times_ms):
        raise ValueError("a revision takes effect at an impossible time")
