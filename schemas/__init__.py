"""What travels on the topics and what is configured; knows nothing of Kafka, numpy or the clock.

Hot and internal messages are `msgspec` structs; what people write or read (monitors, alerts, retraining
requests) is pydantic. One noun a file.
"""

if __name__ == "schemas":  # a checkout, by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
