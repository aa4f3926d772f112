"""Incidents, evidence, retraining decisions and Alertmanager. Uses neither Kafka nor detectors."""

if __name__ == "alerting":  # a checkout, by the name of version 0.1
    from watchkeeper.moved import use_old_name

    use_old_name(__name__)
