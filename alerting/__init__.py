"""Incidents, evidence, retraining decisions, Alertmanager; knows nothing of Kafka or detectors."""
