"""Profiles that merge and the statistics on them; knows nothing of Kafka, of metrics or the clock."""
