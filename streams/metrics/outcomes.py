"""The values of the metric label `outcome`, for events, labels and notifications."""

EVENT_OUTCOMES = ("accepted", "late", "duplicate", "rejected", "other_environment")
"""The outcomes of an event: the fields of `watchkeeper.streams.ingest.accounts.Account`."""
LABEL_OUTCOMES = ("matched", "corrected", "late", "orphaned", "evicted")
"""The outcomes of an accepted label: the fields of `LabelAccount`, and `evicted` (no room)."""
NOTIFICATION_OUTCOMES = ("delivered", "failed", "refused")
"""The outcomes of a delivery to a receiver. A failed delivery is retried."""

QUOTA_NAMES = ("versions", "segments", "waiting")
"""The quotas of a subject, as `streams/ingest/quotas.py` has them."""
