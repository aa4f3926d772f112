"""The values of the label `outcome`: what can become of an event, a label and a notice."""

EVENT_OUTCOMES = ("accepted", "late", "duplicate", "rejected")
"""Of an event; the fields of `watchkeeper.streams.ingest.accounts.Account`."""
LABEL_OUTCOMES = ("matched", "corrected", "late", "orphaned", "evicted")
"""Of an accepted label; the fields of `LabelAccount`, and those that were forgotten for lack of room."""
NOTIFICATION_OUTCOMES = ("delivered", "failed", "refused")
"""Of a delivery to a receiver; one that failed is tried again."""
