"""Sentinel: watches a table without Kafka."""
