"""The findings of the stage `evaluate` in one window of one subject, with their evidence."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from watchkeeper.schemas.times import LATEST_MS

# Each check is named for the fault. Order is precedence: an earlier fault explains a later one.
Check = Literal[
    "silent",  # the subject published nothing
    "volume",  # far fewer or more events than its own recent windows
    "rejected",  # too large a share of the subject's events can't be used
    "clock",  # the clock of one publisher is wrong
    "late",  # too large a share of events came after their pane had closed
    "latency",  # serving latency far above its own recent windows
    "duplicates",  # the same prediction_id published again
    "unit_change",  # a number in another unit: a known conversion maps the recent windows onto this one
    "category_renamed",  # a new category took the share of one that vanished
    "missing",  # values absent far more often than before
    "wrong_type",  # values of another type than declared
    "out_of_range",  # values outside the declared range
    "unseen_category",  # categories never seen in the reference
    "stuck",  # one constant value, while the reference varies
    "performance",  # measured on labels: worse than the reference by more than the tolerance
    "labels_late",  # labels missing or far later than expected
    "prediction_drift",  # the distribution of the model's output moved
    "drift",  # the distribution of a feature moved, and nothing above explains it
]
"""What can be wrong."""
QUALITY_CHECKS: tuple[Check, ...] = (
    "silent", "volume", "rejected", "clock", "late", "latency", "duplicates", "unit_change",
    "category_renamed", "missing", "wrong_type", "out_of_range", "unseen_category", "stuck",
)  # fmt: skip
"""Checks of the data and the traffic, in contrast to performance and drift."""

DISTORTING: tuple[Check, ...] = (
    "unit_change", "category_renamed", "missing", "wrong_type", "out_of_range", "stuck",
)  # fmt: skip
"""Faults of one feature after which its values can't be trusted: any of them moves the model's output."""
EXPLAINED_BY: dict[Check, frozenset[Check]] = {
    "late": frozenset({"clock"}),
    "out_of_range": frozenset({"unit_change"}),
    "unseen_category": frozenset({"category_renamed"}),
    "stuck": frozenset({"unit_change", "out_of_range", "unseen_category"}),
    "prediction_drift": frozenset(DISTORTING),
    "drift": frozenset({*DISTORTING, "unseen_category"}),
}
"""For a check, the checks that explain it: while one of them is bad for a feature, the check of the same
feature needs no alert of its own. Prediction drift is explained by a fault of any feature."""

State = Literal["ok", "bad", "no_data"]
"""The result of a check in one window. `no_data` is never `ok`."""
Kind = Literal["predictions", "labels", "features"]
"""The kind of rows in a window, named as their topic."""
TimeMs = Annotated[int, Meta(ge=0, le=LATEST_MS)]
"""Milliseconds since 1970."""
Count = Annotated[int, Meta(ge=0, le=2**48)]
"""A count in one record. The limit of 2**48 lets 2**15 such counts add up within 64 bits."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """The result of one check in one window that is not ok."""

    check: Check
    """The check."""
    state: State
    """`bad` or `no_data`."""
    explanation: str
    """One sentence for on-call: what is wrong, by how much, compared with what."""
    value: float | None = None
    """The number that was compared."""
    threshold: float | None = None
    """The number that it was compared with."""
    p_value: float | None = None
    """The p-value of the test, if there was one."""
    feature: str | None = None
    """The feature; None for the subject itself."""
    segment: str | None = None
    """`dimension=value`, or None for all rows."""
    evidence: dict[str, Any] = {}
    """More numbers, by name."""


class WindowFindings(Struct, frozen=True):
    """All findings of one closed window. A check in `checked` without a finding was ok."""

    subject: str
    """The model or feature view."""
    version: str
    """The version of the model; empty for a feature view."""
    kind: Kind
    """The kind of window."""
    window_start_ms: TimeMs
    """Event time at which the window starts."""
    window_end_ms: TimeMs
    """Event time at which the window ends, exclusive."""
    rows: Count
    """Rows (or labels) in the window."""
    findings: list[Finding]
    """The results that are not ok."""
    checked: list[Check]
    """The checks that were made."""
