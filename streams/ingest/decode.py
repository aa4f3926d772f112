"""Decodes the bytes of an event into a typed row, or finds the reason to reject it.

The fast path decodes in one pass, with structs built from the monitors. The model's name is the tag of their
union, so `msgspec` selects the model and the types of its features. An event that the fast path refuses takes
the slow path, which distinguishes a broken event (rejected) from a broken feature in a good event (counted).
"""

import contextlib
import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from watchkeeper.detectors.tasks import task_of
from watchkeeper.schemas.events import PredictionId, Time
from watchkeeper.schemas.monitors import Feature, Monitor
from watchkeeper.schemas.subjects import PRODUCTION, subject_of
from watchkeeper.streams.config.timeline import Timeline
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.clock import time_ms
from watchkeeper.streams.ingest.envelope import (
    EVENT_BYTES_MAX,
    KNOWN_TYPES,
    EventRefusal,
    is_bare,
    open_event,
    unwatched,
)

_NAN = float("nan")


class Row(NamedTuple):
    """A decoded event of a declared subject. `wrong` names the features with a wrong type."""

    event: Any
    wrong: tuple[str, ...] = ()


class _Nothing(Struct, tag_field="model", tag="\0"):
    """A second member of the union: a union of one struct would accept an event that names no model."""


class _NothingElse(Struct, tag_field="model", tag="\0\0"):
    """A third member of the union, which has one struct only while there is no monitor."""


class _NoView(Struct, tag_field="feature_view", tag="\0"):
    """A second member of the union of feature views."""


class _NoViewElse(Struct, tag_field="feature_view", tag="\0\0"):
    """A third member of the union of feature views."""


class _NamedSubject(Struct):
    """The fields that decide which monitor decodes an event."""

    event_time: Time
    model: str | None = None
    feature_view: str | None = None
    environment: str | None = None


class SubjectDecoder:
    """Decodes the events of one monitor into a struct with the declared features as typed fields."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.name = monitor.subject
        self.tag = monitor.name
        self.environment = monitor.environment
        self.features = monitor.features
        self.task = task_of(monitor.task)
        tag_field = "model" if monitor.model else "feature_view"
        self.attributes = {feature: f"f{i}" for i, feature in enumerate(monitor.features)}
        self.feature_struct = msgspec.defstruct(
            "Features",
            [(self.attributes[name], *_field(name, feature)) for name, feature in monitor.features.items()],
        )
        extra = (
            _prediction_fields(self.task.output_struct)
            if monitor.model
            else [("entity_id", str | None, None)]
        )
        self.struct = msgspec.defstruct(
            "Event",
            [
                ("event_time", Time),
                ("features", self.feature_struct),
                ("environment", str | None, None),
                *extra,
            ],
            tag_field=tag_field,
            tag=self.tag,
            kw_only=True,
        )

    @functools.cached_property
    def decode_fast(self) -> Callable[[bytes], Any]:
        """Decodes a valid event of this subject; raises one of `UNDECODABLE` for any other."""
        return msgspec.json.Decoder(self.struct).decode

    def convert(self, event: dict[str, Any]) -> Row:
        """Build a row without the features that have a wrong type.

        Raises:
            msgspec.ValidationError: if another field is missing or has a wrong type.
        """
        given = event.get("features")
        if not isinstance(given, Mapping):
            raise msgspec.ValidationError("Expected `object` - at `$.features`")
        valid = {name: value for name, value in given.items() if name not in self.features}
        wrong = []
        for name, feature in self.features.items():
            if name not in given or given[name] is None:
                continue
            if _fits(given[name], feature):
                valid[name] = given[name]
            else:
                wrong.append(name)
        return Row(msgspec.convert({**event, "features": valid}, self.struct), tuple(wrong))


def _field(name: str, feature: Feature) -> tuple[Any, Any]:
    if feature.type in ("number", "integer"):
        return float | None, msgspec.field(name=name, default=_NAN)
    kind = bool if feature.type == "boolean" else str
    return kind | None, msgspec.field(name=name, default=None)


def _prediction_fields(output: type[Struct]) -> list[Any]:
    return [
        ("prediction_id", PredictionId),
        ("prediction", output),
        ("model_version", str, "unversioned"),
        ("segments", dict[str, str] | None, None),
        ("latency_ms", float | None, None),
    ]


def _fits(value: Any, feature: Feature) -> bool:
    if feature.type in ("number", "integer"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**1023
    return isinstance(value, bool if feature.type == "boolean" else str)


class EventDecoder:
    """Decodes one kind of event for all subjects of that kind."""

    def __init__(self, subjects: Iterable[Timeline[SubjectDecoder]], tag_field: str) -> None:
        self.subjects = {subject.latest.name: subject for subject in subjects}
        self.by_struct = {
            each.value.struct: each for subject in self.subjects.values() for each in subject.revisions
        }
        self._tag_field = tag_field
        every = sorted(self.subjects.values(), key=lambda each: each.latest.environment == PRODUCTION)
        self._first = {each.latest.tag: each.latest for each in every}  # production if it is watched
        self.is_plain = all(each.latest.environment == PRODUCTION for each in every)
        self.prefer(())

    def prefer(self, subjects: Iterable[SubjectDecoder]) -> None:
        """Try these revisions first. Copies of the decoder do not change."""
        self._first = self._first | {subject.tag: subject for subject in subjects}
        unused: Any = _Nothing | _NothingElse if self._tag_field == "model" else _NoView | _NoViewElse
        structs = (subject.struct for subject in self._first.values())
        union: Any = functools.reduce(operator.or_, structs, unused)
        self.decode_fast = msgspec.json.Decoder(union).decode

    @property
    def is_changing(self) -> bool:
        """Whether a subject has several revisions: then the event time decides which one decodes an event."""
        return len(self.by_struct) > len(self.subjects)

    def find(self, tag: str, environment: str | None) -> Timeline[SubjectDecoder] | None:
        """Return the decoders of a model or feature view in an environment; None if no monitor watches it."""
        return self.subjects.get(subject_of(tag, environment))

    def decode(self, record: Record) -> Row | EventRefusal | str:
        """Decode a record on the slow path: with an envelope, or features of a wrong type.

        Return the name of the subject if no monitor is for the event's environment, but one for another.
        """
        if self.is_changing and is_bare(record) and (row := self._decode_in_time(record)) is not None:
            return row
        event = open_event(record)
        if isinstance(event, EventRefusal):
            return event
        name, environment = event.get(self._tag_field), event.get("environment")
        if not isinstance(name, str) or name not in self._first:
            return self._unknown(name)
        if not isinstance(environment, str | None):
            return EventRefusal("invalid_event", "Expected `str | null` - at `$.environment`")
        subject = self.find(name, environment)
        if subject is None:
            return name
        try:
            return _in_time(subject, event).convert(event)
        except (msgspec.ValidationError, OverflowError) as error:
            return EventRefusal("invalid_event", str(error))

    def _decode_in_time(self, record: Record) -> Row | None:
        """Decode an event with the monitor in force at its time; None if that fails, too."""
        with contextlib.suppress(*UNDECODABLE):
            named = msgspec.json.decode(record.value or b"", type=_NamedSubject)
            subject = self.subjects[subject_of(named.model or named.feature_view or "", named.environment)]
            return Row(subject.at(time_ms(named.event_time)).decode_fast(record.value or b""))
        return None

    def _unknown(self, name: object) -> EventRefusal:
        if name is None:
            return EventRefusal("invalid_event", f"Object missing required field `{self._tag_field}`")
        return unwatched(self._tag_field, str(name))


def _in_time(subject: Timeline[SubjectDecoder], event: Mapping[str, Any]) -> SubjectDecoder:
    """Return the decoder in force at an event's time. Every decoder refuses an event without a valid time."""
    if len(subject.history) == 1:
        return subject.latest
    try:
        return subject.at(time_ms(msgspec.convert(event.get("event_time"), Time)))
    except msgspec.ValidationError:
        return subject.latest


class Decoder(Protocol):
    """Decodes one kind of event."""

    @property
    def decode_fast(self) -> Callable[[bytes], Any]:
        """Decodes a valid event; raises one of `UNDECODABLE` for any other."""

    def decode(self, record: Record) -> Row | EventRefusal | str:
        """Decode a record on the slow path. See `EventDecoder.decode`."""


class DecodedChunk(NamedTuple):
    """The decoded events of a chunk, and the refusals.

    `at` has the index of each event's record. `wrong` has the features with a wrong type, and `refused` the
    refusals, by index of record. `others` has the names of subjects whose events are of environments that are
    not watched, by index of record.
    """

    events: list[Any]
    at: Sequence[int]
    wrong: dict[int, tuple[str, ...]]
    refused: dict[int, EventRefusal]
    others: Mapping[int, str] = {}


def decode_all(decoder: Decoder, records: Sequence[Record]) -> DecodedChunk:
    """Decode a chunk: all at once if every event is valid, otherwise one by one."""
    values = [record.value for record in records]
    types = {header[1] for record in records for header in record.headers if header[0] == "ce_type"}
    try:
        if types <= KNOWN_TYPES and max(map(len, values)) <= EVENT_BYTES_MAX:  # type: ignore[arg-type]  # None raises TypeError
            return DecodedChunk(list(map(decoder.decode_fast, values)), range(len(values)), {}, {})  # type: ignore[arg-type]
    except UNDECODABLE:
        pass
    return _decode_each(decoder, records)


UNDECODABLE = (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError)
"""The errors of the fast path for events that it can't decode."""


def _decode_each(decoder: Decoder, records: Sequence[Record]) -> DecodedChunk:
    events: list[Any] = []
    at: list[int] = []
    others: dict[int, str] = {}
    chunk = DecodedChunk(events, at, {}, {}, others)
    for index, record in enumerate(records):
        row = _decode_one(decoder, record)
        if isinstance(row, str):
            others[index] = row
            continue
        if isinstance(row, EventRefusal):
            chunk.refused[index] = row
            continue
        events.append(row.event)
        at.append(index)
        if row.wrong:
            chunk.wrong[index] = row.wrong
    return chunk


def _decode_one(decoder: Decoder, record: Record) -> Row | EventRefusal | str:
    if is_bare(record):
        try:
            return Row(decoder.decode_fast(record.value or b""))
        except UNDECODABLE:
            pass
    return decoder.decode(record)
