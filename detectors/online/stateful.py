"""Detectors whose fields are their settings and their whole state."""

from typing import Self

import msgspec
from msgspec import Struct

_BELOW = 1 - 2**-53


class Stateful(Struct, kw_only=True, array_like=True):
    """Saves and restores all fields; the settings are among them, so a snapshot needs nothing else."""

    score: float = 0.0
    """The evidence for a change as a share of what an alarm takes: 1 or more is an alarm."""

    def snapshot(self) -> bytes:
        """Encode settings and state."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def restore(cls, state: bytes) -> Self:
        """Build the detector that a snapshot was taken of."""
        return msgspec.msgpack.decode(state, type=cls)

    def _judge(self, statistic: float, limit: float) -> bool:
        """Set the score, and return whether the statistic is beyond its limit."""
        if statistic > limit:
            self.score = max(statistic / limit, 1.0) if limit > 0 else 1.0
            return True
        self.score = min(max(statistic / limit, 0.0), _BELOW) if limit > 0 else 0.0
        return False
