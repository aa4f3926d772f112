"""What a checkpoint says about the log of one topic: what it was like, and what became of its offsets."""

from msgspec import Struct, field

from watchkeeper.streams.kafka.log_facts import UNKNOWN


class LogMark(Struct, frozen=True):
    """The log of a topic's partition when the broker was last asked."""

    id: str = ""
    """The id of the topic; empty: unknown."""
    start: int = UNKNOWN
    """The offset of the first record that existed."""
    end: int = UNKNOWN
    """The offset after the last record."""
    epoch: int = UNKNOWN
    """The leader's epoch."""


class Passage(Struct):
    """The account of the offsets that a keeper has passed in one topic. It is exact across crashes.

    >>> Passage(passed=10, folded=6, repeated=1, lost=1).gaps
    2
    """

    passed: int = 0
    """Number of offsets that the position has moved on."""
    folded: int = 0
    """Number of records that were folded."""
    repeated: int = 0
    """Number of records that were dropped by their sequence numbers, or because no worker wrote them."""
    lost: int = 0
    """Number of offsets that were gone before they were read. They may include gaps."""

    @property
    def gaps(self) -> int:
        """Return the number of offsets without a record: ends of transactions, aborted, compacted."""
        return self.passed - self.folded - self.repeated - self.lost


class Noted(Struct):
    """How often a log changed in one way, and the newest time."""

    count: int = 0
    at_ms: int = 0
    """When it was last noticed, since 1970."""
    lost_from: int = 0
    """The first offset that was lost when offsets were last lost so."""
    lost_to: int = 0
    """The offset after the last one that was lost then."""
    lost_at_ms: int = 0
    """When that was noticed, since 1970."""
    lost: int = 0
    """Number of all offsets that were lost so."""


class LogState(Struct):
    """The log of one topic, in a checkpoint."""

    mark: LogMark = LogMark()
    passage: Passage = field(default_factory=Passage)
    changes: dict[str, Noted] = {}
    """By the name of the change (`fold/log_change.py`)."""
