"""The detection engine: a reference and a stream of rows in, alarms with their evidence out."""
