"""What travels on the topics and what is configured; knows nothing of Kafka, numpy or the clock.

Hot and internal messages are `msgspec` structs; what people write or read (monitors, alerts, retraining
requests) is pydantic. One noun a file.
"""
