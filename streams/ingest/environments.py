"""Gives each event to the monitor of its environment, and finds those of environments that nobody watches.

The fast path decodes with one struct for each model, whatever the environment. The events of another
environment than the struct's are decoded again, with the monitor of theirs.
"""

from collections.abc import Sequence
from operator import attrgetter

from watchkeeper.schemas.subjects import PRODUCTION
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.decode import UNDECODABLE, DecodedChunk, EventDecoder, Row, SubjectDecoder
from watchkeeper.streams.ingest.envelope import EventRefusal

_PRODUCTION = frozenset({None, "", PRODUCTION})
"""The values of `environment` that mean production."""
_environment = attrgetter("environment")


def by_environment(decoder: EventDecoder, records: Sequence[Record], chunk: DecodedChunk) -> DecodedChunk:
    """Decode the events of other environments again, and take out those that nobody watches.

    Args:
        decoder: The decoder of the chunk.
        records: The records of the chunk.
        chunk: What the decoder made of them.
    """
    if decoder.is_plain and _PRODUCTION.issuperset(map(_environment, chunk.events)):
        return chunk
    others, gone = dict(chunk.others), set()
    for i, event in enumerate(chunk.events):
        decoded_by = decoder.by_struct[type(event)].value
        environment = event.environment or PRODUCTION
        if environment == decoded_by.environment:
            continue
        subject = decoder.find(decoded_by.tag, environment)
        if subject is None:
            others[chunk.at[i]] = decoded_by.tag
            gone.add(i)
            continue
        row = _decode(decoder, subject.latest, records[chunk.at[i]])
        if not isinstance(row, Row):
            if isinstance(row, EventRefusal):
                chunk.refused[chunk.at[i]] = row
            gone.add(i)
            continue
        chunk.wrong.pop(chunk.at[i], None)
        chunk.events[i] = row.event
        if row.wrong:
            chunk.wrong[chunk.at[i]] = row.wrong
    if not gone:
        return chunk
    left = [i for i in range(len(chunk.events)) if i not in gone]
    events, at = [chunk.events[i] for i in left], [chunk.at[i] for i in left]
    return chunk._replace(events=events, at=at, others=others)


def _decode(decoder: EventDecoder, subject: SubjectDecoder, record: Record) -> Row | EventRefusal | str:
    try:
        return Row(subject.decode_fast(record.value or b""))
    except UNDECODABLE:
        return decoder.decode(record)
