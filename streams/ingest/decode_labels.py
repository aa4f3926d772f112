"""Decodes label events."""

import msgspec
from msgspec import UNSET, Struct, UnsetType

from watchkeeper.schemas.events import LabelValue, PredictionId, Time
from watchkeeper.streams.fold.protocol import Record
from watchkeeper.streams.ingest.decode import Row
from watchkeeper.streams.ingest.envelope import EventRefusal, open_event


class LabelRow(Struct, frozen=True):
    """A decoded label event, with the fields of `watchkeeper.schemas.events.Label` that ingest needs."""

    prediction_id: PredictionId
    label_time: Time
    label: LabelValue | UnsetType = UNSET
    model: str | None = None
    retracted: bool = False
    environment: str | None = None


class LabelDecoder:
    """Decodes label events."""

    decode_fast = staticmethod(msgspec.json.Decoder(LabelRow).decode)

    def decode(self, record: Record) -> Row | EventRefusal:
        """Decode one record on the slow path, which accepts envelopes."""
        event = open_event(record)
        if isinstance(event, EventRefusal):
            return event
        try:
            return Row(msgspec.convert(event, LabelRow))
        except (msgspec.ValidationError, OverflowError) as error:
            return EventRefusal("invalid_event", str(error))
