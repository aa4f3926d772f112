"""Files of a user: monitors, references, tables, and publishing them as events."""
