"""Decodes an event again if the monitor that decoded it is not in force at the event's time.

The time is known only once the event is decoded. The fast path decodes a whole chunk with one revision of
each subject. Around a change some events belong to another revision, and are decoded again. The revision that
is tried first makes no difference to the result.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.decode import UNDECODABLE, DecodedChunk, EventDecoder, Row, SubjectDecoder
from watchkeeper.streams.ingest.envelope import EventRefusal

Times = NDArray[np.int64]


def decode_in_time(
    decoder: EventDecoder, records: Sequence[Record], chunk: DecodedChunk, times: Times
) -> tuple[DecodedChunk, Times]:
    """Decode again the events whose time is not that of the revision that decoded them."""
    stale = _stale(decoder, chunk.events, times) if decoder.is_changing else []
    if not stale:
        return chunk, times
    events, gone = chunk.events, set()
    names = set()
    for i in stale:
        name = decoder.by_struct[type(events[i])].value.name
        names.add(name)
        row = _decode(decoder, decoder.subjects[name].at(int(times[i])), records[chunk.at[i]])
        if not isinstance(row, Row):
            if isinstance(row, EventRefusal):
                chunk.refused[chunk.at[i]] = row
            gone.add(i)
            continue
        events[i] = row.event
        if row.wrong:
            chunk.wrong[chunk.at[i]] = row.wrong
    _prefer(decoder, sorted(names), events)
    if not gone:
        return chunk, times
    left = [i for i in range(len(events)) if i not in gone]
    kept = chunk._replace(events=[events[i] for i in left], at=[chunk.at[i] for i in left])
    return kept, times[left]


def _stale(decoder: EventDecoder, events: Sequence[Any], times: Times) -> list[int]:
    found = []
    for struct in set(map(type, events)):
        _, from_ms, until_ms = decoder.by_struct[struct]
        outside = (times < from_ms) | (times >= until_ms)
        found += [i for i in np.flatnonzero(outside).tolist() if type(events[i]) is struct]
    return sorted(found)


def _decode(decoder: EventDecoder, subject: SubjectDecoder, record: Record) -> Row | EventRefusal | str:
    try:
        return Row(subject.decode_fast(record.value or b""))
    except UNDECODABLE:
        return decoder.decode(record)


def _prefer(decoder: EventDecoder, names: Iterable[str], events: Sequence[Any]) -> None:
    """Let the decoder try first, for each subject, the revision of most events; the newest of equals."""
    fitted = Counter(map(type, events))
    newest_first = (reversed(decoder.subjects[name].history) for name in names)
    decoder.prefer([max(history, key=lambda subject: fitted[subject.struct]) for history in newest_first])
