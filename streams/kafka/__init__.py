"""Kafka clients, consumers that follow whole topics, and the embedded broker."""
