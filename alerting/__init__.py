"""Incidents, evidence, retraining decisions and Alertmanager. Uses neither Kafka nor detectors."""
