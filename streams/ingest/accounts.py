"""What became of every event of one partition: the sums must equal what was published."""

from typing import Literal

from msgspec import Struct

Outcome = Literal["accepted", "late", "duplicate", "rejected"]


class Account(Struct):
    """Events of one topic by outcome, since the first; saved in the checkpoint, so exact after any crash."""

    accepted: int = 0
    late: int = 0
    """Their pane was closed already: counted, but not in its statistics."""
    duplicate: int = 0
    """The same `prediction_id` of the same model version again."""
    rejected: int = 0

    @property
    def total(self) -> int:
        """All events ever folded."""
        return self.accepted + self.late + self.duplicate + self.rejected


class LabelAccount(Struct):
    """What became of accepted labels."""

    matched: int = 0
    corrected: int = 0
    late: int = 0
    """Their pane was closed already, or that of the label that they correct."""
    orphaned: int = 0
    """No prediction of that id came."""
