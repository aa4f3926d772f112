"""Incidents, evidence, runbooks, retraining decisions and Alertmanager; knows nothing of Kafka or detectors."""
