"""Accounts of one partition: the outcome of every event. Their sums equal the number of published events."""

from typing import Literal

from msgspec import Struct

Outcome = Literal["accepted", "late", "duplicate", "rejected", "other_environment"]


class Account(Struct):
    """Number of events of one topic by outcome. The checkpoint has it, so it is exact after any crash."""

    accepted: int = 0
    late: int = 0
    """Events whose pane was already closed. They are in no statistic."""
    duplicate: int = 0
    """Events that repeat a `prediction_id` of the same model version, and repeats of a replay."""
    rejected: int = 0
    other_environment: int = 0
    """Events of an environment that no monitor watches, of a model that is watched in another."""

    @property
    def total(self) -> int:
        """Number of all events that were folded."""
        return self.accepted + self.late + self.duplicate + self.rejected + self.other_environment


class LabelAccount(Struct):
    """Number of accepted labels by outcome."""

    matched: int = 0
    corrected: int = 0
    late: int = 0
    """Labels whose pane, or the pane of the label that they correct, was already closed."""
    orphaned: int = 0
    """Labels whose prediction did not arrive."""
