"""The records on the topics, and the configuration. This package uses neither Kafka, numpy nor the clock.

Frequent and internal messages are `msgspec` structs. Records that people write or read (monitors, alerts,
retraining requests) are pydantic models. Each file has one noun.
"""
