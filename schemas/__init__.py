"""The records on the topics, and the configuration. This package uses neither Kafka, numpy nor the clock.

Frequent and internal messages are `msgspec` structs. Records that people write or read (monitors, alerts,
retraining requests) are pydantic models. Each file has one noun.
"""

if __name__ == "schemas":  # a checkout, by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
