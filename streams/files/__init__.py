"""Reads the files of a user: monitors, references and tables, and turns rows into events to publish."""
