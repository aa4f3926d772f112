"""The detection engine: compares a stream of rows with a reference and raises alarms with evidence."""
