"""Decodes chunks of records into rows by subject, or into labels, and finds those that can't be used."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from watchkeeper.detectors.tasks import Task, read_label
from watchkeeper.schemas.findings import Kind
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.clock import time_ms
from watchkeeper.streams.ingest.columnizer import times_ms
from watchkeeper.streams.ingest.decode import DecodedChunk, Decoder, decode_all
from watchkeeper.streams.ingest.decode_labels import LabelRow
from watchkeeper.streams.ingest.early_labels import LabelValue
from watchkeeper.streams.ingest.envelope import EventRefusal, unwatched
from watchkeeper.streams.ingest.environments import by_environment
from watchkeeper.streams.ingest.intakes import Subjects
from watchkeeper.streams.ingest.quarantine import UNWATCHED
from watchkeeper.streams.ingest.redecode import decode_in_time
from watchkeeper.streams.ingest.rows import Rows

EARLIEST_MS = 946_684_800_000
"""Earliest valid time of an event: 2000-01-01. An earlier one is usually in a wrong unit."""
AHEAD_MS_MAX = 3_600_000
"""How many ms the time of an event may be ahead of now. Chosen by hand; later times close panes early."""
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
        self._ahead = decoder, records, chunk
        if topic == "labels":
            watched = self._subjects.named
            return any(row.model is not None and row.model not in watched for row in chunk.events)
        return any(refusal.reason in UNWATCHED for refusal in chunk.refused.values())

    def _decode(self, decoder: Decoder, records: Sequence[Record]) -> DecodedChunk:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] is decoder and ahead[1] is records:
            return ahead[2]
        return decode_all(decoder, records)

    def rows(self, kind: Kind, records: Sequence[Record], now_ms: int) -> Decoded:
        """Decode predictions or features.

        Args:
            kind: The kind of the records.
            records: The chunk.
            now_ms: The current time in milliseconds since 1970, to refuse events that are ahead of it.
        """
        decoder = self._subjects.decoders[kind]
        chunk = self._decode(decoder, records)
        chunk = by_environment(decoder, records, chunk)
        if not chunk.events:
            return Decoded({}, chunk.refused, others=chunk.others)
        chunk, times = decode_in_time(decoder, records, chunk, times_ms(chunk.events))
        events, at, wrong, refused, others = chunk
        good = self._in_range(events, at, times, refused, now_ms)
        grouped: dict[str, list[int]] = {}
        names = {struct: decoder.by_struct[struct].value.name for struct in set(map(type, events))}
        if len(names) == 1:
            grouped[names.popitem()[1]] = list(good)
        else:
            for i in good:
                grouped.setdefault(names[type(events[i])], []).append(i)
        rows = {}
        for subject, index in grouped.items():
            whole = len(index) == len(events)
            rows[subject] = Rows(
                events if whole else [events[i] for i in index],
                times if whole else times[index],
                {new: wrong[at[old]] for new, old in enumerate(index) if at[old] in wrong} if wrong else {},
                records[0].offset,
            )
        return Decoded(rows, refused, at, grouped, others)

    def _in_range(
        self,
        events: Sequence[Any],
        at: Sequence[int],
        times: "np.ndarray[Any, np.dtype[np.int64]]",
        refused: dict[int, EventRefusal],
        now_ms: int,
    ) -> Sequence[int]:
        """Refuse events with an impossible time; return the indices of the others."""
        bad: dict[int, EventRefusal] = {}
        for i in np.flatnonzero((times < EARLIEST_MS) | (times > now_ms + AHEAD_MS_MAX)).tolist():
            bad[i] = _bad_time("event_time", int(times[i]))
        refused.update({at[i]: refusal for i, refusal in bad.items()})
        return range(len(events)) if not bad else [i for i in range(len(events)) if i not in bad]

    def truths(
        self, records: Sequence[Record], now_ms: int
    ) -> tuple[list[LabelValue], dict[int, EventRefusal], dict[int, str]]:
        """Decode labels. Refusals, and models of environments that nobody watches, are by index of record.

        A label without an environment is for each environment of its model.
        """
        events, at, _, refused, _ = self._decode(self._subjects.labels, records)
        truths: list[LabelValue] = []
        others: dict[int, str] = {}
        for index, event in zip(at, events, strict=True):
            subjects = self._subjects.of_label(event.model, event.environment)
            found = [self._truth(event, each, records[index].offset, now_ms) for each in subjects]
            if event.model is not None and event.model not in self._subjects.named:
                found = [unwatched("model", event.model)]
            elif event.model is not None and not subjects:
                others[index] = event.model
            good = [each for each in found if isinstance(each, LabelValue)]
            truths += good
            if found and not good:
                refused[index] = next(each for each in found if isinstance(each, EventRefusal))
        return truths, refused, others

    def _truth(
        self, row: LabelRow, subject: str | None, offset: int, now_ms: int
    ) -> LabelValue | EventRefusal:
        label_ms = time_ms(row.label_time)
        if not EARLIEST_MS <= label_ms <= now_ms + AHEAD_MS_MAX:
            return _bad_time("label_time", label_ms)
        if row.retracted:
            return LabelValue(row.prediction_id, subject, None, label_ms, offset)
        label = read_label(row.label) if subject is None else self._task(subject).label(row.label)
        if label is None or abs(label) > LABEL_MAX:
            must_be = Task.label_is if subject is None else self._task(subject).label_is
            return EventRefusal("invalid_event", f"`$.label` must be {must_be}")
        return LabelValue(row.prediction_id, subject, label, label_ms, offset)

    def _task(self, subject: str) -> Task[Any]:
        return self._subjects.intakes[subject].revisions.latest.subject.task


def _bad_time(field: str, ms: int) -> EventRefusal:
    return EventRefusal(
        "time_out_of_range",
        f"`$.{field}` is {ms} ms since 1970; it must be after 1999 and at most an hour ahead of now",
    )
