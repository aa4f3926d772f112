"""What the broker says about the log of one partition of a topic."""

from typing import NamedTuple

UNKNOWN = -1
"""An offset or epoch that the broker does not give. Chosen by hand: no record has it."""


class LogFacts(NamedTuple):
    """The log of one partition of a topic, as it is now."""

    id: str = ""
    """The id of the topic. It differs after the topic was deleted and created again. Empty: unknown."""
    start: int = UNKNOWN
    """The offset of the first record that still exists."""
    end: int = UNKNOWN
    """The offset after the last record."""
    epoch: int = UNKNOWN
    """The number of the leader's term of office. It rises with each election."""
    committed: int = UNKNOWN
    """The offset that the group has committed. Workers commit only what a checkpoint holds."""
    compacted: bool = False
    """Whether the topic holds the newest record of each key, so that its log gives the whole state."""
