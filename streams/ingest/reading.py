"""Decodes chunks of records into rows by subject, or into labels, and finds those that can't be used."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from watchkeeper.detectors.tasks import Task, read_label
from watchkeeper.schemas.findings import Kind
from watchkeeper.schemas.times import LATEST_MS
from watchkeeper.streams.fold.protocol import LOG_APPEND_TIME, Record
from watchkeeper.streams.ingest.clock import time_ms
from watchkeeper.streams.ingest.columnizer import times_ms
from watchkeeper.streams.ingest.decode import DecodedChunk, Decoder, EventDecoder, decode_all
from watchkeeper.streams.ingest.decode_labels import LabelRow
from watchkeeper.streams.ingest.early_labels import LabelValue
from watchkeeper.streams.ingest.envelope import EventRefusal, publisher, unwatched
from watchkeeper.streams.ingest.environments import by_environment
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.ingest.publisher_clocks import Ahead
from watchkeeper.streams.ingest.quarantine import UNWATCHED
from watchkeeper.streams.ingest.redecode import decode_in_time
from watchkeeper.streams.ingest.rows import Rows
from watchkeeper.streams.ingest.spans import AHEAD_MS, Times

EARLIEST_MS = 946_684_800_000
"""Earliest valid time of an event: 2000-01-01. An earlier one is usually in a wrong unit."""
LABEL_MAX = 1e300
"""Largest absolute value of a label. Chosen by hand, far below the largest float."""


class Decoded(NamedTuple):
    """The valid events of a chunk by subject, and the refusals by index of record."""

    rows: dict[str, Rows]
    refused: dict[int, EventRefusal]
    at: Sequence[int] = ()
    """For each decoded event, the index of its record."""
    events: Mapping[str, Sequence[int]] = {}
    """By subject, the index of each row's event in `at`."""
    others: Mapping[int, str] = {}
    """Of events of environments that no monitor watches, the names of the subjects by index of record."""
    clamped: bool = False
    """Whether an event's time is later than its bound."""
    ahead: Sequence[Ahead] = ()
    """The events that are too far ahead."""

    def of(self, subject: str) -> Sequence[int]:
        """Return the indices of the records of a subject's rows."""
        events = self.events[subject]
        return self.at if len(events) == len(self.at) else [self.at[i] for i in events]


class DecodedLabels(NamedTuple):
    """The valid labels of a chunk, and the refusals by index of record."""

    truths: list[LabelValue]
    refused: dict[int, EventRefusal]
    at: list[int]
    """For each label, the index of its record."""
    clamped: bool
    """Whether a label's time is later than its bound."""
    ahead: list[Ahead]
    """The labels that are too far ahead, and name a model."""
    others: dict[int, str]
    """Of labels of environments that no monitor watches, the model by index of record."""


class Reading:
    """Decodes chunks with the monitors in force, and refuses events with impossible values."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self._ahead: tuple[object, Sequence[Record], DecodedChunk] | None = None
        """What `has_unwatched` has decoded for the next call, with the decoder and the records."""

    def has_unwatched(self, topic: str, records: Sequence[Record]) -> bool:
        """Return whether a chunk has events of subjects without a monitor. Decoding it next costs nothing.

        Args:
            topic: The topic of the records.
            records: The chunk.
        """
        decoder = self._subjects.labels if topic == "labels" else self._subjects.decoders[topic]
        chunk = self._decode(decoder, records)
        if isinstance(decoder, EventDecoder):
            chunk = by_environment(decoder, records, chunk)
        self._ahead = decoder, records, chunk
        if topic == "labels":
            return any(not self._subjects.of_label(row.model, row.environment) for row in chunk.events)
        return bool(chunk.others) or any(refusal.reason in UNWATCHED for refusal in chunk.refused.values())

    def _decode(self, decoder: Decoder, records: Sequence[Record]) -> DecodedChunk:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] is decoder and ahead[1] is records:
            return ahead[2]
        return decode_all(decoder, records)

    def rows(self, kind: Kind, records: Sequence[Record], bounds: Times) -> Decoded:
        """Decode predictions or features.

        Args:
            kind: The kind of the records.
            records: The chunk.
            bounds: For each record, how far it may move event time.
        """
        decoder = self._subjects.decoders[kind]
        chunk = self._decode(decoder, records)
        chunk = by_environment(decoder, records, chunk)
        if not chunk.events:
            return Decoded({}, chunk.refused, others=chunk.others)
        chunk, times = decode_in_time(decoder, records, chunk, times_ms(chunk.events))
        events, at, wrong, refused, others = chunk
        limits = bounds if len(at) == len(records) else bounds[list(at)]
        clamped = bool((times > limits).any())
        reach = np.minimum(times, limits) if clamped else None
        bad = self._bad_times(decoder, events, times, limits if clamped else None)
        refused.update({at[i]: _bad_time(records[at[i]], *why) for i, why in bad.items()})
        names = {struct: decoder.by_struct[struct].value.name for struct in set(map(type, events))}
        ahead = [
            Ahead(names[type(events[i])], at[i], why.difference_ms) for i, why in bad.items() if why.limit_ms
        ]
        good = range(len(events)) if not bad else [i for i in range(len(events)) if i not in bad]
        grouped: dict[str, list[int]] = {}
        if len(names) == 1:
            grouped[names.popitem()[1]] = list(good)
        else:
            for i in good:
                grouped.setdefault(names[type(events[i])], []).append(i)
        rows = {}
        for subject, index in grouped.items():
            if not index:  # all its events are refused: it has no rows, and may be idle
                continue
            whole = len(index) == len(events)
            rows[subject] = Rows(
                events if whole else [events[i] for i in index],
                times if whole else times[index],
                {new: wrong[at[old]] for new, old in enumerate(index) if at[old] in wrong} if wrong else {},
                records[0].offset,
                reach if whole or reach is None else reach[index],
            )
        return Decoded(rows, refused, at, grouped, others, clamped, ahead)

    def _bad_times(
        self, decoder: EventDecoder, events: Sequence[Any], times: Times, limits: Times | None
    ) -> dict[int, "BadTime"]:
        """Return why the time of some events is impossible, by index of event."""
        bad = {
            i: BadTime("event_time", int(times[i]))
            for i in np.flatnonzero((times < EARLIEST_MS) | (times > LATEST_MS)).tolist()
        }
        if limits is None:
            return bad
        for i in np.flatnonzero((times > limits) & (times <= LATEST_MS)).tolist():
            ahead_ms = self._ahead_ms(decoder.by_struct[type(events[i])].value.name, int(times[i]))
            if times[i] > limits[i] + ahead_ms:
                bad[i] = BadTime("event_time", int(times[i]), int(limits[i]), ahead_ms)
        return bad

    def _ahead_ms(self, subject: str | None, time_ms: int) -> int:
        """Return how far an event may be ahead: an event that names no subject, as far as that of any."""
        intakes = self._subjects.intakes
        named = intakes.values() if subject is None else [intakes[subject]]
        return max((each.revisions.at(time_ms).spans.ahead_ms for each in named), default=AHEAD_MS)

    def truths(self, records: Sequence[Record], bounds: Times) -> DecodedLabels:
        """Decode labels. A label without an environment is for each environment of its model.

        Args:
            records: The chunk.
            bounds: For each record, how far it may move event time.
        """
        events, at, _, refused, _ = self._decode(self._subjects.labels, records)
        found = DecodedLabels([], refused, [], False, [], {})
        limits = bounds.tolist()
        for index, event in zip(at, events, strict=True):
            self._add_label(found, index, event, records[index], limits[index])
        clamped = any(truth.reach_ms < truth.label_ms for truth in found.truths)
        clamped = clamped or any(refusal.reason == "time_ahead" for refusal in refused.values())
        return found._replace(clamped=clamped)

    def _add_label(
        self, found: DecodedLabels, index: int, row: LabelRow, record: Record, limit_ms: int
    ) -> None:
        if row.model is not None and row.model not in self._subjects.named:
            found.refused[index] = unwatched("model", row.model)
            return
        subjects = self._subjects.of_label(row.model, row.environment)
        if row.model is not None and not subjects:
            found.others[index] = row.model
            return
        read = [self._truth(row, each, record, limit_ms) for each in subjects]
        good = [each for each in read if isinstance(each, LabelValue)]
        found.truths.extend(good)
        found.at.extend([index] * len(good))
        refusal = next((each for each in read if isinstance(each, EventRefusal)), None)
        if good or refusal is None:
            return
        found.refused[index] = refusal
        if refusal.reason == "time_ahead":
            ahead_ms = time_ms(row.label_time) - limit_ms
            found.ahead.extend(Ahead(each, index, ahead_ms) for each in subjects if each is not None)

    def _truth(
        self, row: LabelRow, subject: str | None, record: Record, limit_ms: int
    ) -> LabelValue | EventRefusal:
        label_ms = time_ms(row.label_time)
        if not EARLIEST_MS <= label_ms <= LATEST_MS:
            return _bad_time(record, "label_time", label_ms)
        if label_ms > limit_ms and label_ms > limit_ms + (ahead_ms := self._ahead_ms(subject, label_ms)):
            return _bad_time(record, "label_time", label_ms, limit_ms, ahead_ms)
        label = self._label(row, subject)
        if isinstance(label, EventRefusal):
            return label
        return LabelValue(
            row.prediction_id,
            subject,
            label,
            label_ms,
            record.offset,
            reach_ms=min(label_ms, limit_ms),
            appended_ms=min(record.timestamp, limit_ms),
        )

    def _label(self, row: LabelRow, subject: str | None) -> float | EventRefusal | None:
        if row.retracted:
            return None
        label = read_label(row.label) if subject is None else self._task(subject).label(row.label)
        if label is None or abs(label) > LABEL_MAX:
            must_be = Task.label_is if subject is None else self._task(subject).label_is
            return EventRefusal("invalid_event", f"`$.label` must be {must_be}")
        return label

    def _task(self, subject: str) -> Task[Any]:
        return self._subjects.intakes[subject].revisions.latest.subject.task


class BadTime(NamedTuple):
    """An impossible time of an event."""

    field: str
    time_ms: int
    limit_ms: int | None = None
    """The time at which the event was appended, if it is ahead of it."""
    ahead_ms: int = 0
    """How far it may be ahead."""

    @property
    def difference_ms(self) -> int:
        """How far it is ahead."""
        return self.time_ms - (self.limit_ms or 0)


def _bad_time(
    record: Record, field: str, ms: int, limit_ms: int | None = None, ahead_ms: int = 0
) -> EventRefusal:
    if limit_ms is None:
        return EventRefusal(
            "time_out_of_range", f"`$.{field}` is {ms} ms since 1970; it must be after 1999 and before 10000"
        )
    by_broker = record.timestamp_type == LOG_APPEND_TIME
    read = "Kafka appended the event" if by_broker else "the event was first read"
    source = publisher(record)
    whose = f"the clock of {source!r}" if source else "its publisher's clock"
    return EventRefusal(
        "time_ahead",
        f"`$.{field}` is {_seconds(ms - limit_ms)} s later than the time at which {read}; at most "
        f"{_seconds(ahead_ms)} s are allowed (`windows.ahead`): correct {whose}",
    )


def _seconds(ms: int) -> str:
    return f"{ms / 1000:,.0f}"
