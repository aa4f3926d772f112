"""The base of detectors whose fields are their settings and their whole state."""

from typing import Self

import msgspec
from msgspec import Struct

_BELOW = 1 - 2**-53
"""The largest float below 1: the highest score without an alarm."""


class Stateful(Struct, kw_only=True, array_like=True):
    """Saves and restores all fields, settings included, so a snapshot needs nothing else.

    Pass settings only. Fields that are described as state belong to the detector.
    """

    score: float = 0.0
    """State: the evidence for a change as a share of the alarm threshold; 1 or more is an alarm."""

    def snapshot(self) -> bytes:
        """Encode settings and state as MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the detector from a snapshot.

        Args:
            state: The bytes that `snapshot` returned.
        """
        return msgspec.msgpack.decode(state, type=cls)

    def _judge(self, statistic: float, limit: float) -> bool:
        """Set the score, and return whether the statistic exceeds its limit."""
        if statistic > limit:
            self.score = max(statistic / limit, 1.0) if limit > 0 else 1.0
            return True
        self.score = min(max(statistic / limit, 0.0), _BELOW) if limit > 0 else 0.0
        return False
