"""Clients of Kafka, following a topic to its end, and the embedded broker."""
