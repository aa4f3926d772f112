"""The records of the topics `monitors` and `references`: revisions, each with the time of its effect.

A revision takes effect at a point in event time. Panes that start earlier are counted and judged by the
previous revision. A plain monitor or reference, which is format 0, is in force from the beginning.
"""

from itertools import pairwise
from typing import Literal, Self

import msgspec
from msgspec import Struct
from pydantic import Field, model_validator

from watchkeeper.schemas.findings import Check
from watchkeeper.schemas.monitors import Monitor, Section
from watchkeeper.schemas.references import Reference
from watchkeeper.schemas.times import LATEST_MS

FORMAT = 1
"""The newest format of these records."""


class _FormatField(Struct):
    """The one field that distinguishes the formats."""

    format: int = 0


class Acceptance(Section):
    """A changed state that the owner has accepted as the new normal."""

    check: Check
    """The check whose alert it raised."""
    segment: str | None = None
    """`dimension=value`; None for all rows and all segments."""
    feature: str | None = None
    """The feature; None for the subject itself, or for all features."""
    by: str = ""
    """Who accepted it."""


class MonitorRevision(Section):
    """A monitor, and when it takes effect."""

    revision: int = Field(default=0, ge=0)
    """Number of this revision among the changes of the subject's monitor; 0 for a plain monitor."""
    takes_effect_at_ms: int | None = Field(default=None, ge=0, le=LATEST_MS)
    """Event time from which it is in force, in ms since 1970; None: from the beginning."""
    monitor: Monitor
    """The monitor."""
    accepted: list[Acceptance] = Field(default=[])
    """What is accepted from the first window of this revision on."""


class MonitorRecord(Section):
    """The value of one record of `monitors`, in JSON."""

    format: Literal[1] = 1
    """The format of the record."""
    revisions: list[MonitorRevision] = Field(min_length=1)
    """The revisions that can still matter, oldest first."""

    @model_validator(mode="after")
    def _is_one_history(self) -> Self:
        first = self.revisions[0].monitor
        if any(
            (each.monitor.subject, each.monitor.model) != (first.subject, first.model)
            for each in self.revisions
        ):
            raise ValueError("its revisions are for different models or feature views")
        _check_times([each.takes_effect_at_ms for each in self.revisions])
        return self

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of a record, also in the plain format.

        Args:
            value: The bytes.

        Raises:
            ValueError: if it is not such a record, or has an unknown format.
        """
        if msgspec.json.decode(value, type=_FormatField).format == 0:
            return cls(revisions=[MonitorRevision(monitor=Monitor.model_validate_json(value))])
        return cls.model_validate_json(value)

    def encode(self) -> bytes:
        """Return the value of a record."""
        return self.model_dump_json().encode()


class ReferenceRevision(Struct, frozen=True):
    """A reference, and when it takes effect."""

    revision: int
    """Number of this revision among the changes of the reference; 0 for a plain reference."""
    takes_effect_at_ms: int | None
    """Event time from which it is in force, in ms since 1970; None: from the beginning.

    Before the time of the first revision there was no reference.
    """
    reference: Reference
    """The reference."""


class ReferenceRecord(Struct, frozen=True):
    """The value of one record of `references`, in MessagePack."""

    format: int
    """The format of the record."""
    revisions: list[ReferenceRevision]
    """The revisions that can still matter, oldest first."""

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of a record, also in the plain format.

        Args:
            value: The bytes.

        Raises:
            ValueError: if it is not such a record, or has an unknown format.
        """
        version = msgspec.msgpack.decode(value, type=_FormatField).format
        if version == 0:
            return cls(FORMAT, [ReferenceRevision(0, None, Reference.decode(value))])
        if version != FORMAT:
            raise ValueError(
                f"its format is {version}, and this version of Watchkeeper reads formats up to {FORMAT}"
            )
        record = msgspec.msgpack.decode(value, type=cls)
        if not record.revisions:
            raise ValueError("it has no revisions")
        _check_times([each.takes_effect_at_ms for each in record.revisions])
        return record

    def encode(self) -> bytes:
        """Return the value of a record."""
        return msgspec.msgpack.encode(self)


def _check_times(times_ms: list[int | None]) -> None:
    first, *later = times_ms
    known = [-1 if first is None else first, *(-1 if each is None else each for each in later)]
    if any(after <= before for before, after in pairwise(known)):
        raise ValueError("its revisions do not take effect one after another")
    if any(each is not None and not 0 <= each <= LATEST_MS for each in times_ms):
        raise ValueError("a revision takes effect at an impossible time")
