"""What `evaluate` found in one window of one subject: the judgement, with its evidence."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from watchkeeper.schemas.times import LATEST_MS

# What went wrong, named for what it is. Order is precedence: an earlier cause explains a later one away.
Check = Literal[
    "silent",  # the subject published nothing while others did
    "volume",  # far fewer or more events than its own recent windows
    "latency",  # serving latency far above its own recent windows
    "duplicates",  # the same prediction_id published again
    "unit_change",  # a number in another unit: a known conversion maps the recent windows onto this one
    "category_renamed",  # a new category took the share of one that vanished
    "missing",  # values absent far more often than before
    "wrong_type",  # values of another type than declared
    "out_of_range",  # values outside the declared range
    "unseen_category",  # categories never seen in the reference
    "stuck",  # one constant value where the reference varies
    "performance",  # measured on labels: worse than the reference by more than the tolerance
    "labels_late",  # labels missing or far later than expected
    "prediction_drift",  # the distribution of the model's output moved
    "drift",  # the distribution of a feature moved and nothing above explains it
]
QUALITY_CHECKS: tuple[Check, ...] = (
    "silent", "volume", "latency", "duplicates", "unit_change", "category_renamed", "missing",
    "wrong_type", "out_of_range", "unseen_category", "stuck",
)  # fmt: skip

DISTORTING: tuple[Check, ...] = (
    "unit_change", "category_renamed", "missing", "wrong_type", "out_of_range", "stuck",
)  # fmt: skip
"""Faults of one feature after which its values can't be trusted: any of them moves the model's output."""
EXPLAINED_BY: dict[Check, frozenset[Check]] = {
    "out_of_range": frozenset({"unit_change"}),
    "unseen_category": frozenset({"category_renamed"}),
    "stuck": frozenset({"unit_change", "out_of_range", "unseen_category"}),
    "prediction_drift": frozenset(DISTORTING),
    "drift": frozenset({*DISTORTING, "unseen_category"}),
}
"""For a check, the checks that explain it: while one of them is bad for a feature, the check of the same
feature needs no alert of its own. Prediction drift is explained by a fault of any feature."""

State = Literal["ok", "bad", "no_data"]
Kind = Literal["predictions", "labels", "features"]
TimeMs = Annotated[int, Meta(ge=0, le=LATEST_MS)]
"""Milliseconds since 1970."""
Count = Annotated[int, Meta(ge=0, le=2**48)]
"""A count in one record; so many of them still add up within 64 bits."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One check that did not come out ok in one window."""

    check: Check
    state: State
    explanation: str
    """One sentence for on-call: what, how much, against what."""
    value: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    feature: str | None = None
    segment: str | None = None
    """`dimension=value`, or None for all rows."""
    evidence: dict[str, Any] = {}


class WindowFindings(Struct, frozen=True):
    """All findings of one closed window; a check of `checked` that has no finding was ok."""

    subject: str
    version: str
    kind: Kind
    window_start_ms: TimeMs
    window_end_ms: TimeMs
    rows: Count
    findings: list[Finding]
    checked: list[Check]
