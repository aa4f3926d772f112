"""Limits of event time, in milliseconds since 1970."""

BEGINNING_MS = -(2**62)
"""A time before every event.

What is in force from the beginning starts here. A clock that has seen no event stands here.
"""
END_MS = 2**62
"""A time after every event. What is in force until further notice ends here. A deadline here never passes."""
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999: the latest time that a message or a configuration can name."""
